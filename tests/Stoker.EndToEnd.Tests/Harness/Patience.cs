namespace Stoker.EndToEnd.Tests.Harness;

/// <summary>
/// How long a test waits for what must come: long enough for a loaded machine, because only a failing test waits so
/// long.
/// </summary>
internal static class Patience
{
    public static readonly TimeSpan Time = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(20);

    /// <summary>Asks until the answer fits; real processes have no event to wait for.</summary>
    public static async Task<T> UntilAsync<T>(Func<Task<T>> ask, Func<T, bool> fits, string what)
    {
        using var deadline = new CancellationTokenSource(Time);
        using var timer = new PeriodicTimer(Interval);
        var answer = await ask();
        while (!fits(answer))
        {
            try
            {
                await timer.WaitForNextTickAsync(deadline.Token);
            }
            catch (OperationCanceledException)
            {
                throw new TimeoutException($"Not in {Time.TotalSeconds:0} s: {what}; last seen: {answer}");
            }

            answer = await ask();
        }

        return answer;
    }
}
