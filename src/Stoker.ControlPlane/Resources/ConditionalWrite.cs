using Stoker.Api.Problems;

namespace Stoker.ControlPlane.Resources;

/// <summary>
/// A read, a change and a write that holds only if nobody wrote in between: begun again when somebody did, some times, before
/// the caller is told that others are faster.
/// </summary>
internal static class ConditionalWrite
{
    private const int Tries = 5;

    /// <param name="attempt">All of it, with its read: ABORTED means that somebody was faster.</param>
    public static async Task<Result<T>> AgainAsync<T>(Func<Task<Result<T>>> attempt)
        where T : notnull
    {
        for (var tries = 1; ; tries++)
        {
            var result = await attempt();
            if (result.Problem is not { Code: Code.Aborted } || tries == Tries) return result;
        }
    }
}
