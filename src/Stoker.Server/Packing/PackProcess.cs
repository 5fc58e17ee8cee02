using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Stoker.Api.Problems;
using Stoker.ControlPlane.Models;
using Stoker.Engine.Models;

namespace Stoker.Server.Packing;

/// <summary>Packs in a process of its own, <c>stoker pack</c>, behind everything else that runs.</summary>
/// <remarks>
/// Not in the server: a checkpoint that shrinks under its map would take the server along, and a process gives all of
/// its memory back. A killed server leaves a process that ends with its file.
/// </remarks>
internal sealed class PackProcess : IModelPacker
{
    private const int Terminate = 15; // SIGTERM

    /// <summary>A stop is seen between two pieces of megabytes; behind busy replicas that may take its time.</summary>
    private static readonly TimeSpan StopBound = TimeSpan.FromSeconds(5);

    /// <summary>The program to start; null: this one.</summary>
    public string? Program { get; init; }

    public bool IsPacked(string folder) => ModelPacker.IsPacked(folder);

    public async Task<Result<long>> PackAsync(string folder, CancellationToken cancellation)
    {
        try
        {
            using var process = Process.Start(StartOf(folder)) ?? throw new IOException("the system gave no process");
            Yield(process);
            return await EndOfAsync(process, folder, cancellation);
        }
        catch (Exception error) when (error is IOException or Win32Exception or UnauthorizedAccessException)
        {
            return new Problem(Code.Internal, $"stoker pack could not be run: {error.Message}");
        }
    }

    private static async Task<Result<long>> EndOfAsync(Process process, string folder, CancellationToken cancellation)
    {
        try
        {
            // Both are a line; read together, so that neither can fill up.
            var (said, failed) = (process.StandardOutput.ReadToEndAsync(cancellation), process.StandardError.ReadToEndAsync(cancellation));
            await Task.WhenAll(said, failed);
            await process.WaitForExitAsync(cancellation);
            if (process.ExitCode == 0) return SizeOf(folder);
            var reason = (await failed).Trim();
            return new Problem(Code.FailedPrecondition, reason.Length > 0 ? reason : $"stoker pack ended with {process.ExitCode}");
        }
        catch (OperationCanceledException)
        {
            await StopAsync(process); // the folder may go only when nobody writes in it
            throw;
        }
    }

    /// <summary>Asked first: it then removes what it has half written, as large as the model. Killed after a while.</summary>
    private static async Task StopAsync(Process process)
    {
        try
        {
            if (!OperatingSystem.IsWindows() && !process.HasExited) _ = Kill(process.Id, Terminate);
            await process.WaitForExitAsync(CancellationToken.None).WaitAsync(StopBound, TimeProvider.System);
        }
        catch (TimeoutException)
        {
            process.Kill();
            await process.WaitForExitAsync(CancellationToken.None);
        }
    }

    private ProcessStartInfo StartOf(string folder)
    {
        var self = Program ?? Environment.ProcessPath ?? throw new IOException("this program's path is unknown");
        var start = new ProcessStartInfo(self) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        if (Path.GetFileNameWithoutExtension(self) == "dotnet") start.ArgumentList.Add(Path.GetFullPath(Environment.GetCommandLineArgs()[0]));
        foreach (var argument in (string[])["pack", "--model", folder]) start.ArgumentList.Add(argument);
        start.Environment.Remove("FIREWORKS_API_KEY");
        start.Environment.TryAdd("DOTNET_EnableDiagnostics", "0");
        return start;
    }

    /// <summary>Replicas come first: packing takes what they leave.</summary>
    private static void Yield(Process process)
    {
        try
        {
            process.PriorityClass = ProcessPriorityClass.Idle;
        }
        catch (Exception error) when (error is Win32Exception or InvalidOperationException)
        {
            // it is over already, or may not be changed: then it runs as it is
        }
    }

    private static long SizeOf(string folder) =>
        new DirectoryInfo(folder).EnumerateFiles("stoker-*.packed").Sum(file => file.Length);

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int pid, int signal);
}
