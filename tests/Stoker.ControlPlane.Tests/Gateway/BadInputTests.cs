using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using Stoker.Api.Replicas;
using Stoker.ControlPlane.Routing;
using Stoker.ControlPlane.Tests.Routing;
using static Stoker.ControlPlane.Tests.Gateway.Inference;

namespace Stoker.ControlPlane.Tests.Gateway;

/// <summary>Clients that send nonsense, too much, too slowly, or have no right. The server goes on.</summary>
public sealed class BadInputTests : IAsyncLifetime
{
    private const string Unauthorized =
        """{"error":{"message":"The API key you provided is invalid.","code":"UNAUTHORIZED","type":"error"}}""";
    private const string NotFound =
        """{"error":{"message":"Model not found, inaccessible, and/or not deployed","param":"model","code":"NOT_FOUND","type":"error"}}""";

    private GatewayHost _host = null!;
    private FakeReplica _replica = null!;
    private HttpClient _client = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _host = await GatewayHost.StartAsync(null, "Stoker:Gateway:MinBodyRateGrace=00:00:01.100");
        _replica = await FakeReplica.StartAsync(FakeReplica.Answering("""{"choices":[]}"""));
        _client = _host.Admin();
        _host.Serve(_replica.Target);
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _replica.DisposeAsync();
        await _host.DisposeAsync();
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("""{"prompt":"x"}""")]
    [InlineData("""{"model":7,"prompt":"x"}""")]
    [InlineData("""{"model":"fireworks/story-3m","model":"fireworks/story-3m","prompt":"x"}""")]
    [InlineData("""{"model":"fireworks/story-3m","\u006dodel":"other/model","prompt":"x"}""")]
    [InlineData("""{"model":"fireworks/story-3m","prompt":"x","xyz":1}""")]
    [InlineData("""{"model":"fireworks/story-3m","prompt":"x","cache_salt":"x"}""")]
    public async Task A_broken_body_is_refused_before_any_replica_sees_it(string body)
    {
        using var answer = await _client.CompleteAsync(body);

        await answer.ErrorAsync(400);
        await StillWorksAsync(requests: 1);
    }

    [Theory]
    [InlineData("tab\there", 1)]
    [InlineData("k", 256)]
    [InlineData("k", 0)]
    public async Task An_isolation_key_that_cannot_be_handed_on_is_refused_by_name(string key, int times)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Completions)
        {
            Content = new StringContent("""{"model":"fireworks/story-3m","prompt":"x"}""", Encoding.UTF8, "application/json"),
        };
        request.Headers.TryAddWithoutValidation(ReplicaProtocol.IsolationKeyHeader, string.Concat(Enumerable.Repeat(key, times)));

        using var answer = await _client.SendAsync(request, Cancellation);

        (await answer.ErrorAsync(400)).GetProperty("param").GetString().ShouldBe(ReplicaProtocol.IsolationKeyHeader);
        await StillWorksAsync(requests: 1);
    }

    [Fact]
    public async Task Bytes_that_are_no_utf8_are_refused()
    {
        using var content = new ByteArrayContent([.. """{"model":"fireworks/story-3m","prompt":"x"""u8, 0xFF, .. "\"}"u8]);

        using var answer = await _client.PostAsync(Completions, content, Cancellation);

        (await answer.ErrorAsync(400)).GetProperty("message").GetString()!.ShouldContain("UTF-8");
        await StillWorksAsync(requests: 1);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)] // chunked: the length is known only when it is too late
    public async Task A_body_above_the_limit_is_413_and_one_at_the_limit_passes(bool announced)
    {
        const int Limit = 16 << 20;
        var frame = Encoding.UTF8.GetByteCount("""{"model":"fireworks/story-3m","prompt":""}""");
        foreach (var (length, status) in (IEnumerable<(int, int)>)[(Limit, 200), (Limit + 1, 413), (Limit * 2, 413)])
        {
            var body = $$"""{"model":"fireworks/story-3m","prompt":"{{new string('x', length - frame)}}"}""";
            using var request = new HttpRequestMessage(HttpMethod.Post, Completions) { Content = GatewayHost.Json(body) };
            request.Headers.TransferEncodingChunked = !announced;
            request.Headers.ExpectContinue = true; // so that the refusal is read before the body is sent

            using var answer = await _client.SendAsync(request, Cancellation);

            ((int)answer.StatusCode).ShouldBe(status);
            if (status == 413) (await answer.ErrorAsync(413)).GetProperty("message").GetString()!.ShouldContain("16777216");
        }

        await StillWorksAsync(requests: 2);
    }

    [Fact]
    public async Task A_compressed_body_is_415()
    {
        using var buffer = new MemoryStream();
        await using (var gzip = new GZipStream(buffer, CompressionLevel.Fastest, leaveOpen: true))
        {
            await gzip.WriteAsync("{}"u8.ToArray(), Cancellation);
        }

        using var content = new ByteArrayContent(buffer.ToArray()) { Headers = { ContentEncoding = { "gzip" } } };

        using var answer = await _client.PostAsync(Completions, content, Cancellation);

        await answer.ErrorAsync(415);
    }

    [Fact]
    public async Task Bodies_beyond_the_memory_for_all_are_refused_until_others_end()
    {
        await using var small = await GatewayHost.StartAsync(null, "Stoker:Gateway:MaxHeldBodyBytes=1048576");
        using var client = small.Admin();
        small.Serve(_replica.Target);

        for (var request = 0; request < 3; request++)
        {
            using var answer = await client.CompleteAsync($$"""{"model":"{{Model}}","prompt":"{{new string('x', 2 << 20)}}"}""");
            (await answer.ErrorAsync(503)).GetProperty("code").GetString().ShouldBe("OVERLOADED");
            answer.Headers.RetryAfter.ShouldNotBeNull();
            using var next = await client.CompleteAsync($$"""{"model":"{{Model}}","prompt":"{{new string('x', 200 << 10)}}"}""");
            next.StatusCode.ShouldBe(HttpStatusCode.OK);
        }
    }

    [Fact]
    public async Task A_client_that_trickles_its_body_is_408()
    {
        using var slow = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await slow.ConnectAsync(IPAddress.Loopback, _host.Url.Port, Cancellation);
        await slow.SendAsync(Encoding.ASCII.GetBytes(FailingReplicaTests.RawRequest("{", _host.AdminKey, length: "1000")), Cancellation);

        await using var stream = new NetworkStream(slow);
        using var reader = new StreamReader(stream);
        (await reader.ReadLineAsync(Cancellation)).ShouldBe("HTTP/1.1 408 Request Timeout");
        await StillWorksAsync(requests: 1);
    }

    [Fact]
    public async Task A_client_that_keeps_just_above_the_rate_still_has_to_end()
    {
        await using var strict = await GatewayHost.StartAsync(
            null, "Stoker:Gateway:RequestBodyTimeout=00:00:01", "Stoker:Gateway:MinBodyBytesPerSecond=1", "Stoker:Gateway:MinBodyRateGrace=01:00:00");
        using var slow = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await slow.ConnectAsync(IPAddress.Loopback, strict.Url.Port, Cancellation);
        await slow.SendAsync(Encoding.ASCII.GetBytes(FailingReplicaTests.RawRequest("{", strict.AdminKey, length: "1000")), Cancellation);

        await using var stream = new NetworkStream(slow);
        using var reader = new StreamReader(stream);
        (await reader.ReadLineAsync(Cancellation)).ShouldBe("HTTP/1.1 408 Request Timeout");
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("fw_")]
    [InlineData("fw_0123456789012345678901234567890123456789012")]
    [InlineData("x")]
    public async Task A_key_that_is_missing_or_wrong_is_401_before_the_body_is_looked_at(string? key)
    {
        using var client = _host.Client(null);
        if (key is not null) client.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", $"Bearer {key}");

        foreach (var body in (string[])["{", """{"model":"fireworks/story-3m","prompt":"x"}"""])
        {
            using var answer = await client.CompleteAsync(body);
            ((int)answer.StatusCode, await answer.TextAsync()).ShouldBe((401, Unauthorized));
        }

        using var list = await client.GetAsync("/v1/models", Cancellation);
        ((int)list.StatusCode, await list.TextAsync()).ShouldBe((401, Unauthorized));
    }

    [Fact]
    public async Task A_revoked_key_opens_nothing_from_then_on()
    {
        var key = await _host.CreateKeyAsync("accounts/default/users/admin", "{}");
        using var client = _host.Client(key.Key);
        using (var before = await client.CompleteAsync()) before.StatusCode.ShouldBe(HttpStatusCode.OK);

        using var revoked = await _client.PostAsync(
            "/v1/accounts/default/users/admin/apiKeys:delete", GatewayHost.Json($$"""{"keyId":"{{key.KeyId}}"}"""), Cancellation);
        (await revoked.TextAsync()).ShouldBe("{}");

        using var after = await client.CompleteAsync();
        ((int)after.StatusCode, await after.TextAsync()).ShouldBe((401, Unauthorized));
    }

    [Fact]
    public async Task Both_headers_may_carry_the_key_but_not_two_different_ones()
    {
        using var client = _host.Client(null);
        client.DefaultRequestHeaders.Add("X-Api-Key", _host.AdminKey);
        using (var answer = await client.CompleteAsync()) answer.StatusCode.ShouldBe(HttpStatusCode.OK);

        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", _host.AdminKey);
        using (var answer = await client.CompleteAsync()) answer.StatusCode.ShouldBe(HttpStatusCode.OK);

        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "fw_other");
        using (var answer = await client.CompleteAsync()) await answer.ErrorAsync(401);

        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", _host.AdminKey);
        using (var answer = await client.CompleteAsync()) await answer.ErrorAsync(401);
    }

    [Fact]
    public async Task Anothers_deployment_and_a_missing_one_give_the_same_answer()
    {
        _host.Routing.Publish(new RoutingTable([Routes.To("accounts/theirs/deployments/d", "accounts/theirs/models/m", _replica.Target)]));
        await _host.CreateAccountAsync("theirs");

        foreach (var name in (string[])
            ["accounts/theirs/deployments/d", "accounts/theirs/deployments/e", "accounts/nobody/deployments/d", "theirs/m", "theirs/n",
                "theirs/m#theirs/d", "accounts/theirs/models/m#accounts/theirs/deployments/d", "accounts/default/deployedModels/x",
                "accounts/default/routers/x", "gpt-4o", "", "ä\u0000"])
        {
            using var answer = await _client.CompleteAsync($$"""{"model":{{System.Text.Json.JsonSerializer.Serialize(name)}},"prompt":"x"}""");
            ((int)answer.StatusCode, await answer.TextAsync()).ShouldBe((404, NotFound), name);
            answer.Header("fireworks-deployment").ShouldBeNull();
        }

        _replica.Requests.ShouldBe(0);
    }

    [Fact]
    public async Task An_inference_user_calls_models_and_manages_nothing()
    {
        using var client = _host.Client(await _host.CreateUserAsync("default", "caller", "inference-user"));

        using (var answer = await client.CompleteAsync()) answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        using (var answer = await client.GetAsync("/v1/whoami", Cancellation)) answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        using (var answer = await client.GetAsync("/v1/accounts/default", Cancellation)) answer.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        using (var answer = await client.GetAsync("/v1/accounts/default/users/caller/apiKeys", Cancellation)) answer.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
    }

    [Theory]
    [InlineData("GET", "/inference/v1/completions", 405, "POST")]
    [InlineData("GET", "/inference/v1/chat/completions", 405, "POST")]
    [InlineData("POST", "/inference/v1/models", 405, "GET")]
    [InlineData("POST", "/inference/v1/embeddings", 404, null)]
    [InlineData("GET", "/inference/v1/", 404, null)]
    public async Task Wrong_paths_and_methods_get_the_surfaces_own_errors(string method, string path, int status, string? allow)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);

        using var answer = await _client.SendAsync(request, Cancellation);

        await answer.ErrorAsync(status);
        answer.Content.Headers.Allow.ShouldBe(allow is null ? [] : [allow]);
    }

    private async Task StillWorksAsync(int requests)
    {
        using var answer = await _client.CompleteAsync();
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        _replica.Requests.ShouldBe(requests);
    }
}
