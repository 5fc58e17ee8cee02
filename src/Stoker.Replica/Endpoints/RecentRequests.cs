using System.Collections.Concurrent;
using Microsoft.AspNetCore.Http;
using Stoker.Api;
using Stoker.Api.Replicas;
using Stoker.Replica.Answers;
using Stoker.Replica.Requests;

namespace Stoker.Replica.Endpoints;

/// <summary>
/// What the requests that run used so far, and those that ended last: a gateway whose client hung up has not been told.
/// </summary>
internal sealed class RecentRequests(TimeProvider time)
{
    /// <summary>Ended ones that are kept: at a thousand requests a second those of the last four, and a gateway asks at once.</summary>
    private const int Most = 4096;

    /// <summary>A hang-up is noticed within some milliseconds, and the engine's step behind it ends within a second; a busy machine takes longer.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<string, Running> _byId = [];
    private readonly ConcurrentQueue<Running> _ended = [];

    /// <param name="answered">Tokens of the answer that came from another replica.</param>
    public Running Begin(string id, Answer answer, int promptTokens, int answered)
    {
        var running = new Running(this, id, answer, promptTokens, answered);
        _byId[id] = running; // a request that is run again here is another one
        return running;
    }

    public async Task HandleAsync(HttpContext http)
    {
        var id = http.Request.Path.Value![ReplicaProtocol.RequestsPath.Length..];
        if (!_byId.TryGetValue(id, out var running)) throw new ApiException(ApiError.NotFound("No such request ran here lately.", null, "not_found"));
        using var over = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted);
        await Task.WhenAny(running.Ended, Task.Delay(Patience, time, over.Token));
        await over.CancelAsync(); // takes the timer down
        if (!running.Ended.IsCompleted) throw new ApiException(ApiError.NotFound("The request runs.", null, "running"));
        await ReplicaApp.WriteJsonAsync(http.Response, StatusCodes.Status200OK, running.Usage, ApiJson.Default.ReplicaRequestUsage, http.RequestAborted);
    }

    private void End(Running running)
    {
        _ended.Enqueue(running);
        if (_ended.Count > Most && _ended.TryDequeue(out var oldest)) _byId.TryRemove(new(oldest.Id, oldest));
    }

    /// <summary>One request; disposed when it ended.</summary>
    internal sealed class Running(RecentRequests requests, string id, Answer answer, int promptTokens, int answered) : IDisposable
    {
        private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public string Id => id;

        public Task Ended => _ended.Task;

        /// <summary>
        /// As the engine told it; of one that was cancelled what came of it: nothing before its first token, then the whole prompt
        /// and the tokens that were read.
        /// </summary>
        public ReplicaRequestUsage Usage { get; private set; } = new(0, 0, 0, 0, 0);

        public void Dispose()
        {
            var (told, generated) = (answer.Usage, answer.Generated);
            if (told is not null)
            {
                Usage = new(told.PromptTokens, told.CachedTokens, told.CompletionTokens, (int)(told.Speculation?.Drafted ?? 0), (int)(told.Speculation?.Accepted ?? 0));
            }
            else if (generated > 0)
            {
                Usage = new(promptTokens, Math.Min(answer.CachedTokens, promptTokens), generated + answered, 0, 0);
            }

            answer = null!; // what is kept is the figures
            _ended.TrySetResult();
            requests.End(this);
        }
    }
}
