extern alias replica;

using System.Text;
using replica::Stoker.Replica.Simulated;
using Stoker.Api.Replicas;

namespace Stoker.ControlPlane.Tests.Gateway;

/// <summary>A simulated replica whose streams break after some events, as often as it is told.</summary>
/// <remarks>What it was asked before it answers without a wait: who asks has all of it when the call returns.</remarks>
internal sealed class BreakingReplica : HttpMessageHandler
{
    private readonly HttpMessageInvoker _inner;
    private readonly List<Received> _requests = [];
    private readonly Dictionary<string, (string Text, string? Said, string Id)> _recorded = [];

    public BreakingReplica(ReplicaModelOptions? options = null) =>
        _inner = new(new SimulatedReplicaHandler(options ?? Options, TimeProvider.System, servedModelName: Inference.Model));

    /// <summary>Answers of a dozen tokens, at once.</summary>
    public static ReplicaModelOptions Options { get; } = new() { DecodeTokensPerSecond = 1e6, PrefillTokensPerSecond = 1e9, PrefixCacheTokens = 0, AnswerTokens = 12 };

    /// <summary>Events of its next streams before they break; one that is not reached breaks nothing.</summary>
    public Queue<int> Breaks { get; } = new();

    /// <summary>What comes instead of the rest of a stream that breaks, before the connection does.</summary>
    public string LastWords { get; set; } = "data: {\"half";

    /// <summary>What breaks is not the connection: nothing comes any more.</summary>
    public bool Hangs { get; set; }

    public IReadOnlyList<Received> Requests { get { lock (_requests) return [.. _requests]; } }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var body = await request.Content!.ReadAsStringAsync(cancellationToken);
        var headers = request.Headers.NonValidated.ToDictionary(header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase);
        lock (_requests) _requests.Add(new(request.RequestUri!.AbsolutePath, body, headers));
        var id = headers[ReplicaProtocol.RequestIdHeader];
        var asked = body + headers.GetValueOrDefault(ReplicaProtocol.ResumeHeader);
        if (!_recorded.TryGetValue(asked, out var recorded))
        {
            var answer = await _inner.SendAsync(request, cancellationToken);
            if (answer.Content.Headers.ContentType?.MediaType != "text/event-stream") return answer;
            var said = answer.Headers.TryGetValues(ReplicaProtocol.ResumeHeader, out var values) ? values.Single() : null;
            recorded = (await answer.Content.ReadAsStringAsync(cancellationToken), said, id);
            _recorded[asked] = recorded;
        }

        var text = recorded.Text.Replace(recorded.Id, id);
        var frames = text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        return Breaks.TryDequeue(out var events) && events < frames.Length
            ? Answer(string.Concat(frames.Take(events).Select(frame => frame + "\n\n")) + LastWords, recorded.Said, breaks: true)
            : Answer(text, recorded.Said, breaks: false);
    }

    private HttpResponseMessage Answer(string text, string? said, bool breaks)
    {
        var answer = new HttpResponseMessage { Content = new StreamContent(new BrokenStream(Encoding.UTF8.GetBytes(text), breaks, Hangs)) };
        answer.Content.Headers.ContentType = new("text/event-stream");
        if (said is not null) answer.Headers.TryAddWithoutValidation(ReplicaProtocol.ResumeHeader, said);
        return answer;
    }

    private sealed class BrokenStream(byte[] bytes, bool breaks, bool hangs) : MemoryStream(bytes)
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var read = await base.ReadAsync(buffer, cancellationToken);
            if (read == 0 && breaks && hangs) await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
            return read > 0 || !breaks ? read : throw new HttpIOException(HttpRequestError.ResponseEnded, "The connection was reset.");
        }
    }
}
