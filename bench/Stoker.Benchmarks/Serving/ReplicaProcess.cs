using System.Diagnostics;
using System.Net;
using Stoker.Benchmarks.Measuring;
using Stoker.Benchmarks.Replicas;

namespace Stoker.Benchmarks.Serving;

/// <summary>A real <c>stoker replica</c> on a unix socket in a folder of its own, gone with this object.</summary>
internal sealed class ReplicaProcess : IDisposable
{
    /// <summary>Between two looks at a starting replica: a small part of any start-up time worth stating.</summary>
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(1);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("stoker-bench-");
    private readonly Process _process;

    /// <param name="program">The <c>stoker</c> executable.</param>
    public ReplicaProcess(string program, string model, params IEnumerable<string> flags)
    {
        var socket = Path.Combine(_folder.FullName, "replica.sock");
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true };
        string[] arguments = ["replica", "--model", model, "--served-model-name", "bench", "--listen", $"unix:{socket}", "--log-level", "warning", .. flags];
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        var handler = ReplicaSocket.Handler(socket);
        handler.MaxConnectionsPerServer = int.MaxValue;
        handler.AutomaticDecompression = DecompressionMethods.None;
        Client = new(handler) { BaseAddress = ReplicaSocket.Address, Timeout = Timeout.InfiniteTimeSpan };
        StartedAt = Stopwatch.GetTimestamp();
        _process = Process.Start(start)!;
    }

    public HttpClient Client { get; }

    /// <summary>Right before the process was asked for.</summary>
    public long StartedAt { get; }

    /// <summary>The program beside this one, as a build leaves both.</summary>
    /// <exception cref="UsageException">Not built.</exception>
    public static string Program(string? given) => Programs.Find("Stoker.Server", "stoker", given);

    /// <summary>Until the model answers.</summary>
    /// <exception cref="UsageException">The replica ended; its own words are on standard error.</exception>
    public async Task ReadyAsync()
    {
        while (!await IsReadyAsync())
        {
            if (_process.HasExited) throw new UsageException("The replica ended before it was ready; its message stands above.");
            await Task.Delay(LookAgain, TimeProvider.System);
        }
    }

    /// <summary>
    /// Asks for a token until there is one, from the start of the process on: the request itself is the question whether
    /// it is ready.
    /// </summary>
    /// <returns>Milliseconds since <see cref="StartedAt"/>.</returns>
    /// <exception cref="UsageException">The replica ended.</exception>
    public async Task<double> FirstTokenAsync(int[] prompt)
    {
        while (true)
        {
            try
            {
                await StreamedRequest.SendAsync(Client, prompt, 1);
                return Stopwatch.GetElapsedTime(StartedAt).TotalMilliseconds;
            }
            catch (HttpRequestException early) when (early.StatusCode is null or HttpStatusCode.ServiceUnavailable)
            {
                if (_process.HasExited) throw new UsageException("The replica ended before it answered; its message stands above.");
                await Task.Delay(LookAgain, TimeProvider.System);
            }
        }
    }

    public void Dispose()
    {
        Client.Dispose();
        if (!_process.HasExited) _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
        _folder.Delete(recursive: true);
    }

    private async Task<bool> IsReadyAsync()
    {
        try
        {
            using var answer = await Client.GetAsync(new Uri("/health", UriKind.Relative));
            return answer.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false; // the socket is not there yet
        }
    }
}
