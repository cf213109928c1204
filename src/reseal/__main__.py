"""`python -m reseal` is the `reseal` command."""

from reseal.cli.entry import main

if __name__ == "__main__":
    main()
