using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using Stoker.Api.Problems;
using Stoker.ControlPlane.Models;
using Stoker.Engine.Models;
using Precision = Stoker.ControlPlane.Models.Precision;

namespace Stoker.Server.Packing;

/// <summary>Packs in a process of its own, <c>stoker pack</c> or <c>stoker prepare</c>, behind everything else that runs.</summary>
/// <remarks>
/// Not in the server: a checkpoint that shrinks under its map would take the server along, and a process gives all of
/// its memory back. A killed server leaves a process that ends with its file.
/// </remarks>
internal sealed class PackProcess : IModelPacker
{
    private const int Terminate = 15; // SIGTERM
    private const int SignalBase = 128; // of an exit status

    /// <summary>A stop is seen between two pieces of megabytes; behind busy replicas that may take its time.</summary>
    private static readonly TimeSpan StopBound = TimeSpan.FromSeconds(5);

    /// <summary>The program to start; null: this one.</summary>
    public string? Program { get; init; }

    public bool IsPacked(string folder) => ModelPacker.IsPacked(folder);

    public Task<Result<long>> PackAsync(string folder, CancellationToken cancellation) =>
        RunAsync(["pack", "--model", folder], _ => Task.CompletedTask, () => SizeOf(folder, "stoker-*.packed"), cancellation);

    public Task<Result<long>> PrepareAsync(string folder, Precision precision, Func<int, Task> told, CancellationToken cancellation) =>
        PrepareAsync(folder, precision, [], told, () => SizeOf(folder, $"stoker-{precision.EngineName()}.packed"), cancellation);

    public Task<Result<long>> WriteVariantAsync(string folder, Precision precision, string target, Func<int, Task> told, CancellationToken cancellation) =>
        PrepareAsync(folder, precision, ["--safetensors", target, "--replace"], told, () => SizeOf(target, "*"), cancellation);

    private Task<Result<long>> PrepareAsync(
        string folder, Precision precision, string[] more, Func<int, Task> told, Func<long> size, CancellationToken cancellation) => RunAsync(
        ["prepare", "--model", folder, "--precision", precision.EngineName(), "--json", .. more],
        line => PercentOf(line) is { } percent ? told(percent) : Task.CompletedTask, size, cancellation);

    /// <param name="heard">Each line that it says, waited for.</param>
    private async Task<Result<long>> RunAsync(string[] arguments, Func<string, Task> heard, Func<long> size, CancellationToken cancellation)
    {
        try
        {
            using var process = Process.Start(StartOf(arguments)) ?? throw new IOException("the system gave no process");
            Yield(process);
            return await EndOfAsync(process, arguments[0], arguments[2], heard, size, cancellation);
        }
        catch (Exception error) when (error is IOException or Win32Exception or UnauthorizedAccessException)
        {
            return new Problem(Code.Internal, $"stoker {arguments[0]} could not be run: {error.Message}");
        }
    }

    private static async Task<Result<long>> EndOfAsync(
        Process process, string verb, string folder, Func<string, Task> heard, Func<long> size, CancellationToken cancellation)
    {
        try
        {
            // Read together, so that neither can fill up.
            var (said, failed) = (ListenAsync(process.StandardOutput, heard, cancellation), process.StandardError.ReadToEndAsync(cancellation));
            await Task.WhenAll(said, failed);
            await process.WaitForExitAsync(cancellation);
            if (process.ExitCode == 0) return size();
            return new Problem(Code.FailedPrecondition, Reason((await failed).Trim(), folder) ?? End(verb, process.ExitCode));
        }
        catch (OperationCanceledException)
        {
            await StopAsync(process); // the folder may go only when nobody writes in it
            throw;
        }
    }

    /// <summary>As the model's owner may read it: where the server keeps its files is nobody's business, and its command line not theirs.</summary>
    private static string? Reason(string said, string folder) => said.Length == 0
        ? null
        : (said.StartsWith("stoker: ", StringComparison.Ordinal) ? said["stoker: ".Length..] : said).Replace(folder + Path.DirectorySeparatorChar, "", StringComparison.Ordinal);

    private static string End(string verb, int status) => status > SignalBase
        ? $"stoker {verb} was ended by signal {status - SignalBase} (9 is how a system without memory ends a process): look at the server's memory and disk, and ask again"
        : $"stoker {verb} ended with {status}; the server's log may say more";

    private static async Task ListenAsync(StreamReader said, Func<string, Task> heard, CancellationToken cancellation)
    {
        while (await said.ReadLineAsync(cancellation) is { } line) await heard(line);
    }

    private static int? PercentOf(string line)
    {
        using var parsed = JsonDocument.Parse(line);
        return parsed.RootElement.TryGetProperty("percent", out var percent) ? percent.GetInt32() : null;
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

    private ProcessStartInfo StartOf(string[] arguments)
    {
        var self = Program ?? Environment.ProcessPath ?? throw new IOException("this program's path is unknown");
        var start = new ProcessStartInfo(self) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        if (Path.GetFileNameWithoutExtension(self) == "dotnet") start.ArgumentList.Add(Path.GetFullPath(Environment.GetCommandLineArgs()[0]));
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
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

    private static long SizeOf(string folder, string pattern) =>
        new DirectoryInfo(folder).EnumerateFiles(pattern).Sum(file => file.Length);

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int pid, int signal);
}
