using System.Diagnostics;

namespace Stoker.Benchmarks.Chaos;

/// <summary>One run of <c>stoker serve</c>, from its start to its end.</summary>
internal sealed class ServerProgram : IAsyncDisposable
{
    private const string Listens = "Stoker listens on ";
    private const int KeptLines = 60;

    private readonly Process _process;
    private readonly Queue<string> _lines = new();
    private readonly TaskCompletionSource<Uri?> _listening = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new();

    private ServerProgram(ProcessStartInfo start)
    {
        _process = new() { StartInfo = start, EnableRaisingEvents = true };
        _process.OutputDataReceived += (_, line) => Take(line.Data);
        _process.ErrorDataReceived += (_, line) => Take(line.Data);
        _process.Exited += (_, _) => _listening.TrySetResult(null);
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>Its address once it listens; null when it ended before.</summary>
    public Task<Uri?> Listening => _listening.Task;

    /// <summary>Its last lines, for whoever has to find out why.</summary>
    public string Output
    {
        get { lock (_lock) return string.Join('\n', _lines); }
    }

    public static ServerProgram Start(string program, ChaosPlace place, IReadOnlyDictionary<string, string> settings)
    {
        var start = new ProcessStartInfo(program, ["serve", "--url", "http://127.0.0.1:0", "--data", place.Data])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = place.Root,
        };
        foreach (var (name, value) in Environment(place).Concat(settings)) start.Environment[name] = value;
        return new(start);
    }

    /// <summary>A home of the run's own, where <c>firectl</c> finds the server by itself.</summary>
    public static IReadOnlyDictionary<string, string> Environment(ChaosPlace place) =>
        new Dictionary<string, string> { ["HOME"] = place.Home, ["FIREWORKS_API_KEY"] = "", ["STOKER_DATA"] = "" };

    /// <summary>SIGKILL, and until it is gone.</summary>
    public Task KillAsync()
    {
        _process.Kill();
        return _process.WaitForExitAsync();
    }

    /// <summary>SIGTERM, and the exit status that it leads to.</summary>
    public async Task<int> TerminateAsync()
    {
        using var kill = Process.Start("/bin/kill", ["-TERM", $"{_process.Id}"]);
        await kill.WaitForExitAsync();
        await _process.WaitForExitAsync();
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) await KillAsync();
        _process.Dispose();
    }

    private void Take(string? line)
    {
        if (line is null) return;
        lock (_lock)
        {
            _lines.Enqueue(line);
            if (_lines.Count > KeptLines) _lines.Dequeue();
        }

        if (line.IndexOf(Listens, StringComparison.Ordinal) is >= 0 and var at) _listening.TrySetResult(new(line[(at + Listens.Length)..].Trim()));
    }
}
