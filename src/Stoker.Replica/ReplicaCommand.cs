using System.Runtime.InteropServices;
using Stoker.Replica.Engines;
using Stoker.Replica.Hosting;
using Stoker.Replica.Simulated;

namespace Stoker.Replica;

/// <summary>
/// <c>stoker replica</c>: one process that serves one model until its owner, its lease or Ctrl-C ends it.
/// </summary>
public static class ReplicaCommand
{
    private const int Done = 0;
    private const int Failed = 1;
    private const int WrongUsage = 2;

    /// <param name="args">What follows <c>stoker replica</c>.</param>
    /// <returns>The exit status: 0 drained or lease expired, 1 could not start, 2 wrong usage.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        if (args is ["--help"] or ["-h"])
        {
            await Console.Out.WriteLineAsync(ReplicaArguments.Usage);
            return Done;
        }

        if (!ReplicaArguments.TryParse(args, out var options, out var error))
        {
            await Console.Error.WriteLineAsync(error);
            return WrongUsage;
        }

        return await RunAsync(options, TimeProvider.System);
    }

    private static async Task<int> RunAsync(ReplicaOptions options, TimeProvider time)
    {
        var exitFile = new ExitFile(options.Directory, options.Id, time);
        try
        {
            // 1. Leave the starter before anything can go wrong with it.
            if (options.Directory is not null) Directory.CreateDirectory(options.Directory);
            if (options.Detach)
            {
                Posix.StartSession();
                Posix.LetGoOfTerminal();
            }

            // 2. Threads inherit their cores: bind before there are many.
            if (options.Cores.Count > 0) Posix.BindToCores(options.Cores);
            AppDomain.CurrentDomain.UnhandledException += (_, crash) => exitFile.WriteCrash(crash.ExceptionObject);
            using var log = new ReplicaLog(exitFile.LogPath, options.LogLevel, time, ownsStandardError: options.Detach);

            using var life = LifeFile.Start(options.Directory, options.Id, time);

            // 3. Serve to the end, and leave the last words.
            await using var host = await ReplicaHost.StartAsync(options, Loader(options, time, exitFile), time, log);
            using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => Stop(context, host));
            using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => Stop(context, host));
            if (!options.Detach)
            {
                await Console.Out.WriteLineAsync($"Replica {options.Id} of {options.ServedModelName} listens at {string.Join(", ", host.Addresses)}");
            }

            var end = await host.RunToEndAsync();
            exitFile.Write(end.Reason, end.Message);
            if (end.Reason != ReplicaEnd.LoadFailed) return Done;
            await Console.Error.WriteLineAsync(end.Message);
            return Failed;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or System.ComponentModel.Win32Exception
            or System.Net.Sockets.SocketException or PlatformNotSupportedException)
        {
            exitFile.Write(ReplicaEnd.LoadFailed, error.Message);
            await Console.Error.WriteLineAsync(error.Message);
            return Failed;
        }
    }

    private static IEngineLoader Loader(ReplicaOptions options, TimeProvider time, ExitFile exitFile) => options.Engine switch
    {
        EngineKind.Simulated => new SimulatedEngineLoader(options.ToSimulatedOptions(), time, () => Crash(exitFile), options.ServedModelName, options.Addons),
        _ => new StokerEngineLoader(options.Model!, options.ToEngineOptions(time), options.ServedModelName, options.Addons),
    };

    /// <summary>The simulated crash is a real one: the process goes at once, its streams break.</summary>
    private static void Crash(ExitFile exitFile)
    {
        exitFile.Write(ReplicaEnd.Crashed, "The simulated engine was told to crash.");
        System.Diagnostics.Process.GetCurrentProcess().Kill();
    }

    private static void Stop(PosixSignalContext context, ReplicaHost host)
    {
        context.Cancel = true; // we end ourselves, with the last stream
        if (!host.Drain()) host.Abort(); // asked twice: the streams are not waited for
    }
}
