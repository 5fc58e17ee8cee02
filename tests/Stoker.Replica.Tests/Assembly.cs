// Sockets' file modes and signals are tested where replicas run.
[assembly: System.Runtime.Versioning.SupportedOSPlatform("linux")]
