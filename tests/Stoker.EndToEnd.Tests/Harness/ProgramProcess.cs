using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace Stoker.EndToEnd.Tests.Harness;

/// <summary>
/// One of our programs as a real process: its lines as they come, its end, and the signals a user or a kernel would
/// send.
/// </summary>
internal sealed partial class ProgramProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly Lock _lock = new();
    private readonly StringBuilder _output = new();
    private readonly StringBuilder _standardOutput = new();
    private readonly List<(string Text, TaskCompletionSource<string> Seen)> _awaited = [];

    private ProgramProcess(ProcessStartInfo start)
    {
        _process = new Process { StartInfo = start, EnableRaisingEvents = true };
        _process.OutputDataReceived += (_, line) => Append(line.Data, isStandard: true);
        _process.ErrorDataReceived += (_, line) => Append(line.Data, isStandard: false);
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public int Id => _process.Id;

    /// <summary>Standard output and standard error so far.</summary>
    public string Output
    {
        get { lock (_lock) return _output.ToString(); }
    }

    /// <summary>Standard output alone: what a script reads.</summary>
    public string StandardOutput
    {
        get { lock (_lock) return _standardOutput.ToString(); }
    }

    /// <param name="program">stoker or firectl, found beside the tests.</param>
    public static ProgramProcess Start(Sandbox sandbox, string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, program), arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            WorkingDirectory = sandbox.Root,
        };
        foreach (var inherited in start.Environment.Keys.Where(key => key.StartsWith("STOKER", StringComparison.OrdinalIgnoreCase) || key.StartsWith("FIREWORKS", StringComparison.Ordinal)).ToList())
        {
            start.Environment.Remove(inherited);
        }

        start.Environment["HOME"] = sandbox.Home;
        start.Environment["TMPDIR"] = sandbox.Temporary;
        foreach (var (key, value) in environment ?? new Dictionary<string, string>()) start.Environment[key] = value;
        return new ProgramProcess(start);
    }

    /// <summary>
    /// The first line, from now or before, that contains a text; fails with the whole output when the program ends
    /// without it.
    /// </summary>
    public async Task<string> LineAsync(string text)
    {
        var seen = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            if (_output.ToString().Split('\n').FirstOrDefault(line => line.Contains(text)) is { } line) return line;
            _awaited.Add((text, seen));
        }

        var ended = _process.WaitForExitAsync();
        if (await Task.WhenAny(seen.Task, ended).WaitAsync(Patience.Time) == ended && !seen.Task.IsCompleted)
        {
            throw new InvalidOperationException($"The program ended with {_process.ExitCode} before it said '{text}':\n{Output}");
        }

        return await seen.Task;
    }

    public async Task<int> ExitAsync()
    {
        await _process.WaitForExitAsync().WaitAsync(Patience.Time);
        return _process.ExitCode;
    }

    /// <summary>SIGKILL, to this process alone, as the kernel's out-of-memory killer sends it.</summary>
    public Task KillAsync()
    {
        _process.Kill();
        return ExitAsync();
    }

    /// <summary>SIGTERM, and the exit status it leads to.</summary>
    public Task<int> TerminateAsync()
    {
        SendSignal(_process.Id, 15).ShouldBe(0);
        return ExitAsync();
    }

    /// <summary>SIGINT, as Ctrl-C sends it.</summary>
    public Task<int> InterruptAsync()
    {
        SendSignal(_process.Id, 2).ShouldBe(0);
        return ExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) await KillAsync();
        _process.Dispose();
    }

    private void Append(string? line, bool isStandard)
    {
        if (line is null) return;
        lock (_lock)
        {
            if (isStandard) _standardOutput.Append(line).Append('\n');
            _output.Append(line).Append('\n');
            foreach (var (_, seen) in _awaited.Where(item => line.Contains(item.Text))) seen.TrySetResult(line);
            _awaited.RemoveAll(item => line.Contains(item.Text));
        }
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int SendSignal(int pid, int signal);
}
