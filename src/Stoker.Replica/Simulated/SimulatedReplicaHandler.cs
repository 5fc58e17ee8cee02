using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging.Abstractions;
using Stoker.Replica.Endpoints;
using Stoker.Replica.Engines;
using Stoker.Replica.Hosting;

namespace Stoker.Replica.Simulated;

/// <summary>
/// A simulated replica behind an <see cref="HttpClient"/>, without process or socket: the same endpoints, on any clock.
/// </summary>
/// <remarks>
/// A crash breaks the streams that run and refuses connections from then on, as a process that is gone does.
/// </remarks>
public sealed class SimulatedReplicaHandler : HttpMessageHandler
{
    private readonly CancellationTokenSource _gone = new();
    private readonly EngineSlot _slot;
    private readonly Admission _admission = new();
    private readonly Lease _lease;
    private readonly ReplicaApp _app;

    /// <param name="lease">Null: never expires.</param>
    public SimulatedReplicaHandler(
        ReplicaModelOptions options, TimeProvider time, string replicaId = "simulated", string servedModelName = "simulated", TimeSpan? lease = null)
    {
        (_lease, _slot) = (new(lease, time), new(time));
        _app = new(new()
        {
            ReplicaId = replicaId,
            ServedModelName = servedModelName,
            Slot = _slot,
            Admission = _admission,
            Lease = _lease,
            Recent = new(time),
            Log = NullLogger.Instance,
            Time = time,
            Started = time.GetUtcNow(),
            Drain = _admission.Close,
        });
        Loaded = _slot.LoadAsync(new SimulatedEngineLoader(options, time, Crash, servedModelName), _gone.Token);
        Ended = EndAsync();
    }

    /// <summary>Completes when the model answers; fails where the options say so.</summary>
    public Task Loaded { get; }

    /// <summary>
    /// Completes when the replica drained, lost its lease or crashed: where its process would be gone.
    /// </summary>
    public Task Ended { get; }

    /// <summary>What kill -9 does.</summary>
    public void Crash() => _gone.Cancel();

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (_gone.IsCancellationRequested || Ended.IsCompleted) throw Refused();
        var exchange = new Exchange(request, _gone.Token);
        await exchange.ReadBodyAsync(cancellationToken);
        exchange.Run(_app);
        using var left = cancellationToken.UnsafeRegister(static state => ((Exchange)state!).Abort(), exchange);
        await exchange.Started.WaitAsync(cancellationToken);
        return exchange.Response();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _gone.Cancel();
            _lease.Dispose();
        }

        base.Dispose(disposing);
    }

    private async Task EndAsync()
    {
        using var gone = _gone.Token.UnsafeRegister(static state => ((Admission)state!).Close(), _admission);
        await Task.WhenAny(_admission.Empty, _lease.Expired);
        _admission.Close();
        await _admission.Empty;
        await _slot.DisposeAsync();
    }

    private static HttpRequestException Refused() =>
        new(HttpRequestError.ConnectionError, "The simulated replica is gone.");

    /// <summary>One request and its response, with a pipe where a connection would be.</summary>
    private sealed class Exchange(HttpRequestMessage request, CancellationToken gone)
        : IHttpResponseFeature, IHttpResponseBodyFeature, IHttpRequestLifetimeFeature
    {
        private readonly Pipe _pipe = new();
        private readonly CancellationTokenSource _aborted = CancellationTokenSource.CreateLinkedTokenSource(gone);
        private readonly TaskCompletionSource _started = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private byte[] _body = [];
        private OutputWriter? _writer;

        public Task Started => _started.Task;

        public int StatusCode { get; set; } = StatusCodes.Status200OK;

        public string? ReasonPhrase { get; set; }

        public IHeaderDictionary Headers { get; set; } = new HeaderDictionary();

        public bool HasStarted => _started.Task.IsCompleted;

        public CancellationToken RequestAborted { get => _aborted.Token; set => throw new NotSupportedException(); }

        public Stream Stream => Writer.AsStream(leaveOpen: true);

        public PipeWriter Writer => _writer ??= new(_pipe.Writer, this);

        Stream IHttpResponseFeature.Body { get => Stream; set => throw new NotSupportedException(); }

        public async Task ReadBodyAsync(CancellationToken cancellation)
        {
            if (request.Content is { } content) _body = await content.ReadAsByteArrayAsync(cancellation);
        }

        public void Run(ReplicaApp app)
        {
            var features = new FeatureCollection();
            features.Set<IHttpRequestFeature>(RequestFeature());
            features.Set<IHttpResponseFeature>(this);
            features.Set<IHttpResponseBodyFeature>(this);
            features.Set<IHttpRequestLifetimeFeature>(this);
            _ = RunAsync(app, new DefaultHttpContext(features));
        }

        public HttpResponseMessage Response()
        {
            var response = new HttpResponseMessage((HttpStatusCode)StatusCode)
            {
                RequestMessage = request,
                Content = new StreamContent(new ResponseStream(_pipe.Reader.AsStream(), this)),
            };
            foreach (var (name, value) in Headers)
            {
                if (!response.Headers.TryAddWithoutValidation(name, (string?)value)) response.Content.Headers.TryAddWithoutValidation(name, (string?)value);
            }

            return response;
        }

        public void Abort() => _aborted.Cancel();

        public void DisableBuffering()
        {
        }

        public Task StartAsync(CancellationToken cancellationToken = default)
        {
            _started.TrySetResult();
            return Task.CompletedTask;
        }

        public Task SendFileAsync(string path, long offset, long? count, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public Task CompleteAsync() => Task.CompletedTask;

        public void OnStarting(Func<object, Task> callback, object state) => throw new NotSupportedException();

        public void OnCompleted(Func<object, Task> callback, object state) => throw new NotSupportedException();

        private HttpRequestFeature RequestFeature()
        {
            var feature = new HttpRequestFeature
            {
                Method = request.Method.Method,
                Path = request.RequestUri!.AbsolutePath,
                QueryString = request.RequestUri.Query,
                Body = new MemoryStream(_body),
            };
            foreach (var (name, values) in request.Headers) feature.Headers[name] = values.ToArray();
            if (request.Content is { } content)
            {
                foreach (var (name, values) in content.Headers) feature.Headers[name] = values.ToArray();
            }

            return feature;
        }

        private async Task RunAsync(ReplicaApp app, HttpContext http)
        {
            await app.HandleAsync(http);
            if (_aborted.IsCancellationRequested)
            {
                var broken = new HttpIOException(HttpRequestError.ResponseEnded, "The simulated replica is gone.");
                _started.TrySetException(Refused());
                await _pipe.Writer.CompleteAsync(broken);
                return;
            }

            _started.TrySetResult();
            await _pipe.Writer.CompleteAsync();
        }

        /// <summary>The first flush sends the head, as a connection does.</summary>
        private sealed class OutputWriter(PipeWriter inner, Exchange exchange) : PipeWriter
        {
            public override void Advance(int bytes) => inner.Advance(bytes);

            public override Memory<byte> GetMemory(int sizeHint = 0) => inner.GetMemory(sizeHint);

            public override Span<byte> GetSpan(int sizeHint = 0) => inner.GetSpan(sizeHint);

            public override void CancelPendingFlush() => inner.CancelPendingFlush();

            public override void Complete(Exception? exception = null)
            {
            }

            public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
            {
                exchange._started.TrySetResult();
                return inner.FlushAsync(cancellationToken);
            }
        }

        /// <summary>A client that closes the response hangs up.</summary>
        private sealed class ResponseStream(Stream inner, Exchange exchange) : Stream
        {
            public override bool CanRead => true;

            public override bool CanSeek => false;

            public override bool CanWrite => false;

            public override long Length => throw new NotSupportedException();

            public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

            public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => inner.ReadAsync(buffer, cancellationToken);

            public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
                inner.ReadAsync(buffer, offset, count, cancellationToken);

            public override int Read(byte[] buffer, int offset, int count) => inner.Read(buffer, offset, count);

            public override void Flush()
            {
            }

            public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

            public override void SetLength(long value) => throw new NotSupportedException();

            public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

            protected override void Dispose(bool disposing)
            {
                if (disposing)
                {
                    exchange.Abort();
                    inner.Dispose();
                }

                base.Dispose(disposing);
            }
        }
    }
}
