using System.CommandLine;
using System.Globalization;
using Stoker.Api.Problems;
using Stoker.Api.Time;

namespace Firectl;

/// <summary><c>--wait</c> and <c>--wait-timeout</c>, and the live line while waiting.</summary>
internal sealed class Waiting(TimeSpan defaultTimeout)
{
    // Quick enough to feel immediate, rare enough to cost the server nothing.
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    private readonly Option<bool> _wait = new("--wait") { Description = "Return only when it is done" };

    private readonly Option<TimeSpan> _timeout =
        Durations.Option("--wait-timeout", "How long --wait waits at most", defaultTimeout, mayBeNegative: false);

    public void AddTo(Command command)
    {
        command.Options.Add(_wait);
        command.Options.Add(_timeout);
    }

    public bool IsAsked(Invocation invocation) => invocation.Value(_wait);

    /// <summary>Reads again and again until what is read is final; shows the state meanwhile.</summary>
    /// <param name="see">The line to show, and whether it is over.</param>
    /// <returns>What was read last.</returns>
    public async Task<T> UntilAsync<T>(
        Invocation invocation, string what, Func<CancellationToken, Task<T>> read, Func<T, (string Line, bool Done)> see, CancellationToken cancellation)
    {
        try
        {
            return await ReadUntilAsync(invocation, what, read, see, cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            await LeaveAsync(invocation, $"{what} goes on without being waited for");
            throw;
        }
        catch (ProblemException lost) when (lost.Problem.Code == Code.Unavailable)
        {
            await LeaveAsync(invocation, $"{what} is not waited for any more; the server goes on with it, after a restart too");
            throw;
        }
    }

    /// <summary>The same until there is nothing to read any more, or <paramref name="see"/> says that it is over.</summary>
    /// <param name="gone">The last line, when there is nothing.</param>
    public Task UntilGoneAsync<T>(
        Invocation invocation, string what, string gone, Func<CancellationToken, Task<T>> read, Func<T, (string Line, bool Done)> see, CancellationToken cancellation)
        where T : class => UntilAsync(invocation, what, token => FindAsync(read, token), found => found is null ? (gone, true) : see(found), cancellation);

    private static async Task<T?> FindAsync<T>(Func<CancellationToken, Task<T>> read, CancellationToken cancellation)
        where T : class
    {
        try
        {
            return await read(cancellation);
        }
        catch (ProblemException gone) when (gone.Problem.Code == Code.NotFound)
        {
            return null;
        }
    }

    private static async Task LeaveAsync(Invocation invocation, string words)
    {
        if (invocation.Context.IsTerminal) await invocation.Context.Errors.WriteLineAsync();
        await invocation.Context.Errors.WriteLineAsync(words);
    }

    private async Task<T> ReadUntilAsync<T>(
        Invocation invocation, string what, Func<CancellationToken, Task<T>> read, Func<T, (string Line, bool Done)> see, CancellationToken cancellation)
    {
        var (time, timeout) = (invocation.Context.Time, invocation.Value(_timeout));
        var (started, shown) = (time.GetTimestamp(), "");
        var errors = invocation.Context.Errors;
        using var timer = new PeriodicTimer(Interval, time);
        while (true)
        {
            var last = await read(cancellation);
            var (line, done) = see(last);
            var elapsed = time.GetElapsedTime(started);
            if (invocation.Context.IsTerminal)
            {
                await errors.WriteAsync($"\r\u001b[K{what}: {line} ({elapsed.TotalSeconds.ToString("0", CultureInfo.InvariantCulture)}s)");
                if (done) await errors.WriteLineAsync();
            }
            else if (line != shown)
            {
                await errors.WriteLineAsync($"{what}: {line}");
            }

            shown = line;
            if (done) return last;
            if (elapsed >= timeout)
            {
                if (invocation.Context.IsTerminal) await errors.WriteLineAsync();
                throw new ProblemException(new Problem(
                    Code.DeadlineExceeded, $"{what} was not done after {GoDuration.Format(timeout)} but goes on; last state: {line}; wait longer with --wait-timeout"));
            }

            await timer.WaitForNextTickAsync(cancellation);
        }
    }
}

/// <summary>Options that take Go durations.</summary>
internal static class Durations
{
    /// <param name="mayBeNegative">Where another rule answers, such as the server's.</param>
    public static Option<TimeSpan> Option(string name, string description, TimeSpan? defaultValue = null, bool mayBeNegative = true)
    {
        var option = new Option<TimeSpan>(name)
        {
            Description = description,
            CustomParser = result =>
            {
                var text = result.Tokens.Count == 1 ? result.Tokens[0].Value : "";
                var isDuration = GoDuration.TryParse(text, out var duration);
                if (isDuration && (mayBeNegative || duration >= TimeSpan.Zero)) return duration;
                result.AddError(isDuration ? $"{name} must not be negative, was '{text}'" : $"{name} takes {GoDuration.Rule}, was '{text}'");
                return default;
            },
        };
        if (defaultValue is { } value) option.DefaultValueFactory = _ => value;
        return option;
    }
}
