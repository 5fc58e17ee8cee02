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

    /// <summary>Asks again and again until the answer is final; shows the state meanwhile.</summary>
    /// <param name="look">One look: the line to show, and whether it is over.</param>
    public async Task UntilAsync(
        Invocation invocation, string what, Func<CancellationToken, Task<(string Line, bool Done)>> look, CancellationToken cancellation)
    {
        try
        {
            await LookUntilAsync(invocation, what, look, cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            if (invocation.Context.IsTerminal) await invocation.Context.Errors.WriteLineAsync();
            await invocation.Context.Errors.WriteLineAsync($"{what} goes on without being waited for");
            throw;
        }
        catch (ProblemException lost) when (lost.Problem.Code == Code.Unavailable)
        {
            if (invocation.Context.IsTerminal) await invocation.Context.Errors.WriteLineAsync();
            await invocation.Context.Errors.WriteLineAsync($"{what} is not waited for any more; the server goes on with it, after a restart too");
            throw;
        }
    }

    private async Task LookUntilAsync(
        Invocation invocation, string what, Func<CancellationToken, Task<(string Line, bool Done)>> look, CancellationToken cancellation)
    {
        var (time, timeout) = (invocation.Context.Time, invocation.Value(_timeout));
        var (started, shown) = (time.GetTimestamp(), "");
        var errors = invocation.Context.Errors;
        using var timer = new PeriodicTimer(Interval, time);
        while (true)
        {
            var (line, done) = await look(cancellation);
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
            if (done) return;
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
