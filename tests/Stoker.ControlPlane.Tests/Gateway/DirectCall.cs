using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.IO.Pipelines;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Stoker.ControlPlane.Gateway;

namespace Stoker.ControlPlane.Tests.Gateway;

/// <summary>
/// A request to the gateway's handler without a connection between: what it does before it waits, it has done when <see
/// cref="Start"/> returns, and what a moved clock sets off, when that returns. So nothing has to be waited for.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "Nothing of it outlives its memory: no timer, no handle.")]
internal sealed class DirectCall : IHttpResponseFeature, IHttpResponseBodyFeature, IHttpRequestLifetimeFeature
{
    private readonly CancellationTokenSource _aborted = new();
    private readonly List<(Func<object, Task> Callback, object State)> _starting = [];
    private readonly MemoryStream _sent = new();
    private readonly Lock _gate = new();
    private readonly FlushedWriter _writer;

    private DirectCall() => _writer = new(this);

    /// <summary>Ends when the gateway is done with the request.</summary>
    public Task Ended { get; private set; } = Task.CompletedTask;

    /// <summary>All that was flushed to the client.</summary>
    public string Text { get { lock (_gate) return Encoding.UTF8.GetString(_sent.GetBuffer(), 0, (int)_sent.Length); } }

    /// <summary>The comments of a held stream, without their colon.</summary>
    public IReadOnlyList<string> Comments => [.. Lines(": ")];

    /// <summary>What events carry.</summary>
    public IReadOnlyList<string> Data => [.. Lines("data: ")];

    public int StatusCode { get; set; } = StatusCodes.Status200OK;

    public string? ReasonPhrase { get; set; }

    public IHeaderDictionary Headers { get; set; } = new HeaderDictionary();

    public bool HasStarted { get; private set; }

    public bool WasAborted { get; private set; }

    /// <summary>What is written does not get out: flushes fail, as nobody foresaw.</summary>
    public bool IsBroken { get; set; }

    /// <summary>The client reads no more: flushes do not end.</summary>
    public bool IsStalled { get; set; }

    public CancellationToken RequestAborted { get => _aborted.Token; set => throw new NotSupportedException(); }

    Stream IHttpResponseFeature.Body { get => Stream.Null; set => throw new NotSupportedException(); }

    Stream IHttpResponseBodyFeature.Stream => Stream.Null;

    PipeWriter IHttpResponseBodyFeature.Writer => _writer;

    public static DirectCall Start(GatewayHost host, string body, params IReadOnlyList<(string Name, string Value)> headers)
    {
        var call = new DirectCall();
        var request = new HttpRequestFeature { Method = "POST", Path = Inference.Completions, Body = new MemoryStream(Encoding.UTF8.GetBytes(body)) };
        request.Headers.Authorization = $"Bearer {host.AdminKey}";
        foreach (var (name, value) in headers) request.Headers[name] = value;
        var features = new FeatureCollection();
        features.Set<IHttpRequestFeature>(request);
        features.Set<IHttpResponseFeature>(call);
        features.Set<IHttpResponseBodyFeature>(call);
        features.Set<IHttpRequestLifetimeFeature>(call);
        var handler = host.App.Services.GetRequiredService<InferenceHandler>();
        Inline(() => call.Ended = handler.HandleAsync(new DefaultHttpContext(features), Surface.Text));
        return call;
    }

    /// <summary>What an action sets off runs within it where it can: a test's own context would queue it.</summary>
    public static void Inline(Action action)
    {
        var context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            action();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(context);
        }
    }

    public void HangUp() => Inline(_aborted.Cancel);

    void IHttpRequestLifetimeFeature.Abort()
    {
        WasAborted = true;
        _aborted.Cancel();
    }

    void IHttpResponseFeature.OnStarting(Func<object, Task> callback, object state) => _starting.Add((callback, state));

    void IHttpResponseFeature.OnCompleted(Func<object, Task> callback, object state) => throw new NotSupportedException();

    void IHttpResponseBodyFeature.DisableBuffering()
    {
    }

    Task IHttpResponseBodyFeature.StartAsync(CancellationToken cancellationToken) => BeginAsync();

    Task IHttpResponseBodyFeature.SendFileAsync(string path, long offset, long? count, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    Task IHttpResponseBodyFeature.CompleteAsync() => BeginAsync();

    private async Task BeginAsync()
    {
        if (HasStarted) return;
        foreach (var (callback, state) in Enumerable.Reverse(_starting)) await callback(state);
        HasStarted = true;
    }

    private IEnumerable<string> Lines(string prefix) =>
        Text.Split('\n').Where(line => line.StartsWith(prefix, StringComparison.Ordinal)).Select(line => line[prefix.Length..]);

    private sealed class FlushedWriter(DirectCall call) : PipeWriter
    {
        private readonly ArrayBufferWriter<byte> _unsent = new();

        public override bool CanGetUnflushedBytes => true;

        public override long UnflushedBytes => _unsent.WrittenCount;

        public override void Advance(int bytes) => _unsent.Advance(bytes);

        public override Memory<byte> GetMemory(int sizeHint = 0) => _unsent.GetMemory(sizeHint);

        public override Span<byte> GetSpan(int sizeHint = 0) => _unsent.GetSpan(sizeHint);

        public override void CancelPendingFlush()
        {
        }

        public override void Complete(Exception? exception = null)
        {
        }

        public override async ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
        {
            await call.BeginAsync();
            if (call.IsBroken) throw new NotSupportedException("nobody foresaw it");
            if (call.IsStalled) await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
            lock (call._gate) call._sent.Write(_unsent.WrittenSpan);
            _unsent.Clear();
            return new(isCanceled: false, isCompleted: false);
        }
    }
}
