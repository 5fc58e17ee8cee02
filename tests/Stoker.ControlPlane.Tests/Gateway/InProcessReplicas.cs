using System.Net;
using System.Text;

namespace Stoker.ControlPlane.Tests.Gateway;

/// <summary>Answers each request in the form that it asks for.</summary>
internal sealed class AnsweringReplica : HttpMessageHandler
{
    public const string Events = "data: {\"choices\":[{\"text\":\"y\"}]}\n\ndata: [DONE]\n\n";

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var body = await request.Content!.ReadAsStringAsync(cancellationToken);
        return AnswerTo(body);
    }

    public static HttpResponseMessage AnswerTo(string body) => new(HttpStatusCode.OK)
    {
        Content = body.Contains("\"stream\":true", StringComparison.Ordinal)
            ? new StringContent(Events, Encoding.UTF8, "text/event-stream")
            : new StringContent(HoldWorld.WholeAnswer, Encoding.UTF8, "application/json"),
    };
}

/// <summary>Keeps requests until the test lets some go.</summary>
/// <param name="fails">What comes of a request instead of an answer.</param>
internal sealed class GatedReplica(Action? fails = null) : HttpMessageHandler
{
    private readonly SemaphoreSlim _go = new(0);
    private readonly SemaphoreSlim _arrivals = new(0);
    private int _arrived;
    private int _inside;
    private int _mostAtOnce;

    public int Arrived => Volatile.Read(ref _arrived);

    public int MostAtOnce => Volatile.Read(ref _mostAtOnce);

    public async Task ArrivedAsync(int count)
    {
        for (var i = 0; i < count; i++) await _arrivals.WaitAsync(TestContext.Current.CancellationToken);
    }

    public void Release(int count) => _go.Release(count);

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var inside = Interlocked.Increment(ref _inside);
        InterlockedMax(inside);
        Interlocked.Increment(ref _arrived);
        _arrivals.Release();
        await _go.WaitAsync(cancellationToken);
        Interlocked.Decrement(ref _inside);
        fails?.Invoke();
        return AnsweringReplica.AnswerTo(await request.Content!.ReadAsStringAsync(cancellationToken));
    }

    private void InterlockedMax(int value)
    {
        for (var seen = _mostAtOnce; value > seen; seen = _mostAtOnce) Interlocked.CompareExchange(ref _mostAtOnce, value, seen);
    }
}

/// <summary>Fails as no replica does, after what it has answered.</summary>
/// <param name="events">Null: before any answer.</param>
internal sealed class FaultyReplica(string? events = null) : HttpMessageHandler
{
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (events is null) throw new NotSupportedException("once upon a secret");
        var answer = new HttpResponseMessage(HttpStatusCode.OK) { Content = new StreamContent(new FaultyStream(Encoding.UTF8.GetBytes(events))) };
        answer.Content.Headers.ContentType = new("text/event-stream");
        return Task.FromResult(answer);
    }

    private sealed class FaultyStream(byte[] bytes) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            Position < Length ? base.ReadAsync(buffer, cancellationToken) : throw new NotSupportedException("once upon a secret");
    }
}
