@echo off
rem Collect what is not known about Sysprep, from a Windows in a virtual machine.
rem
rem   settle.cmd before    what the registry has before Sysprep
rem   settle.cmd seal      run Sysprep (/generalize /oobe /quit), then collect; asks first
rem   settle.cmd after     collect again after the first boot
rem
rem Each call adds a folder to %SystemDrive%\settle and packs it as %SystemDrive%\settle.zip. Nothing else is
rem changed, except by "seal". No user name, no SID and no password is collected: neither SAM nor SECURITY is
rem read, and of the MachineGuid only the first four digits.
rem Then, where reseal is:   python -m tools.windows_proof settle settle.zip
setlocal
set stage=%1
if "%stage%"=="" goto usage
if /i "%stage%"=="before" goto collect
if /i "%stage%"=="after" goto collect
if /i not "%stage%"=="seal" goto usage

echo Sysprep will generalize this Windows. Do this only in a virtual machine with a snapshot.
set sure=
set /p sure=Type SNAPSHOT to go on:
if not "%sure%"=="SNAPSHOT" goto stop
"%SystemRoot%\System32\Sysprep\sysprep.exe" /generalize /oobe /quit /quiet
echo Sysprep ended with %errorlevel%.
set stage=sealed

:collect
set top=%SystemDrive%\settle
set to=%top%\%stage%
if not exist "%top%" mkdir "%top%"
if not exist "%to%" mkdir "%to%"
set out=%to%\registry.txt
set version=HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion
set current=HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion
echo reseal settle 1 > "%out%"

for %%v in (CurrentBuild UBR EditionID InstallationType DisplayVersion) do reg query "%version%" /v %%v >> "%out%" 2>nul
for %%v in (SetupType CmdLine OOBEInProgress SystemSetupInProgress SetupPhase AuditInProgress CloneTag) do reg query "HKLM\SYSTEM\Setup" /v %%v >> "%out%" 2>nul
reg query "HKLM\SYSTEM\Setup\Status" /s >> "%out%" 2>nul
for %%v in (OperationFlags WinDirOld WinDirNew SkipMigrateRootACL) do reg query "HKLM\SYSTEM\Setup\SetupCl\PendingRequest" /v %%v >> "%out%" 2>nul
for %%v in (BlockOperations ExecutionSuccessful NTSTATUS DriveMask HiveTime FileACLTime RunTime) do reg query "HKLM\SYSTEM\Setup\SetupCl" /v %%v >> "%out%" 2>nul
reg query "HKLM\SYSTEM\CurrentControlSet\Control\Session Manager" /v SETUPEXECUTE >> "%out%" 2>nul
reg query "HKLM\SYSTEM\CurrentControlSet\Control\Session Manager" /v SETUPEXECUTENOPNPSYNC >> "%out%" 2>nul
reg query "HKLM\SYSTEM\CurrentControlSet\Control\FileSystem" /v NtfsDisable8dot3NameCreation >> "%out%" 2>nul
reg query "%current%\Setup\State" >> "%out%" 2>nul
reg query "%current%\Setup\ImageServicingData" >> "%out%" 2>nul
reg query "%current%\Setup\Sysprep" /v SysprepMode >> "%out%" 2>nul
reg query "%current%\Setup\Sysprep" /v SysprepCorrupt >> "%out%" 2>nul

rem Enough to tell whether the MachineGuid is another one later, too little to tell the machine.
set guid=
reg query "HKLM\SOFTWARE\Microsoft\Cryptography" /v MachineGuid > "%to%\guid.tmp" 2>nul
for /f "usebackq tokens=1,2,3" %%a in ("%to%\guid.tmp") do if "%%a"=="MachineGuid" set guid=%%c
del "%to%\guid.tmp"
set answer=missing
if defined guid set answer=%guid:~0,4%
echo MachineGuid starts %answer%>> "%out%"

if exist "%SystemRoot%\System32\Recovery\ReAgent.xml" copy /y "%SystemRoot%\System32\Recovery\ReAgent.xml" "%to%" >nul
if exist "%SystemRoot%\Setup\State\State.ini" copy /y "%SystemRoot%\Setup\State\State.ini" "%to%" >nul
for %%f in (Cleanup Generalize Specialize Respecialize) do if exist "%SystemRoot%\System32\Sysprep\ActionFiles\%%f.xml" copy /y "%SystemRoot%\System32\Sysprep\ActionFiles\%%f.xml" "%to%" >nul
set tag=missing
if exist "%SystemRoot%\System32\Sysprep\Sysprep_succeeded.tag" set tag=present
echo Sysprep_succeeded.tag is %tag%>> "%out%"

powershell -NoProfile -Command "Compress-Archive -Force -Path '%top%\*' -DestinationPath '%top%.zip'" >nul 2>nul
if exist "%top%.zip" echo %top%.zip holds what was collected.
if not exist "%top%.zip" echo %top% holds what was collected. Please pack this folder as settle.zip.
if /i "%stage%"=="sealed" echo Now restart, finish OOBE, and run: settle.cmd after
goto stop

:usage
echo Usage: settle.cmd before, then settle.cmd seal, and after the first boot settle.cmd after
:stop
endlocal
