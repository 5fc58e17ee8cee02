using System.Net;
using System.Text.Json;
using Stoker.Api.Replicas;
using static Stoker.ControlPlane.Tests.Gateway.Inference;

namespace Stoker.ControlPlane.Tests.Gateway;

/// <summary>Requests that are answered.</summary>
public sealed class ForwardingTests : GatewayTest
{
    private const string Answer =
        $$$"""{"id":"1","object":"text_completion","created":1,"model":"{{{Model}}}","choices":[{"index":0,"text":"a \"model\":\"x\"","finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9,"prompt_tokens_details":{"cached_tokens":3} }}""";

    [Theory]
    [InlineData("accounts/fireworks/models/story-3m")]
    [InlineData("fireworks/story-3m")]
    [InlineData("accounts/default/deployments/d")]
    [InlineData("fireworks/story-3m#default/d")]
    [InlineData("accounts/fireworks/models/story-3m#accounts/default/deployments/d")]
    public async Task The_replica_sees_its_own_name_of_the_model_and_the_client_its_own(string asked)
    {
        await using var replica = await FakeReplica.StartAsync(FakeReplica.Answering(Answer));
        Host.Serve(replica.Target);

        using var answer = await Client.CompleteAsync($$""" { "prompt": "p\u0041", "model" :"{{asked}}", "n": 1 } """);

        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await answer.TextAsync()).ShouldBe(Answer.Replace($"\"{Model}\"", $"\"{asked}\"", StringComparison.Ordinal));
        (await replica.Received).Body.ShouldBe($$""" { "prompt": "p\u0041", "model" :"{{Model}}", "n": 1 } """);
    }

    [Theory]
    [InlineData("/inference/v1/completions", """{"model":"fireworks/story-3m","prompt":"x"}""", "/v1/completions")]
    [InlineData("/v1/completions", """{"model":"fireworks/story-3m","prompt":"x"}""", "/v1/completions")]
    [InlineData("/inference/v1/chat/completions", """{"model":"fireworks/story-3m","messages":[]}""", "/v1/chat/completions")]
    [InlineData("/v1/chat/completions", """{"model":"fireworks/story-3m","messages":[]}""", "/v1/chat/completions")]
    public async Task Both_prefixes_lead_to_the_replicas_endpoint(string path, string body, string expected)
    {
        await using var replica = await FakeReplica.StartAsync(FakeReplica.Answering(Answer));
        Host.Serve(replica.Target);

        using var answer = await Client.CompleteAsync(body, path);

        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await replica.Received).Path.ShouldBe(expected);
    }

    [Fact]
    public async Task Replicas_behind_unix_sockets_are_reached()
    {
        await using var replica = await FakeReplica.StartAsync(FakeReplica.Answering(Answer), unixSocket: true);
        await using var other = await FakeReplica.StartAsync(FakeReplica.Answering(Answer), unixSocket: true);
        var route = Host.Serve(replica.Target, other.Target);

        for (var request = 0; request < 4; request++)
        {
            using var answer = await Client.CompleteAsync();
            answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        }

        (replica.Requests, other.Requests).ShouldBe((2, 2));
        route.Ready.ShouldAllBe(target => target.InFlight == 0);
    }

    [Fact]
    public async Task Each_event_reaches_the_client_before_the_next_one_is_made()
    {
        var seen = new SemaphoreSlim(0);
        await using var replica = await FakeReplica.StartAsync(async context =>
        {
            FakeReplica.BeginStream(context);
            for (var index = 0; index < 3; index++)
            {
                await FakeReplica.SendAsync(context, $$$"""data: {"model":"{{{Model}}}","choices":[{"text":"{{{index}}}"}]}""" + "\n\n");
                await seen.WaitAsync(context.RequestAborted); // until the client has it
            }

            await FakeReplica.SendAsync(context, "data: [DONE]\n\n");
        });
        var route = Host.Serve(replica.Target);

        using var answer = await Client.StreamAsync("""{"model":"fireworks/story-3m","prompt":"x","stream":true}""");
        using var reader = await answer.ReaderAsync();

        for (var index = 0; index < 3; index++)
        {
            (await reader.ReadLineAsync(Cancellation)).ShouldBe($$$"""data: {"model":"fireworks/story-3m","choices":[{"text":"{{{index}}}"}]}""");
            (await reader.ReadLineAsync(Cancellation)).ShouldBe("");
            route.Ready[0].InFlight.ShouldBe(1);
            seen.Release();
        }

        (await reader.ReadToEndAsync(Cancellation)).ShouldBe("data: [DONE]\n\n");
        answer.Content.Headers.ContentType!.MediaType.ShouldBe("text/event-stream");
        answer.Header("Cache-Control").ShouldBe("no-cache");
        answer.Header("X-Accel-Buffering").ShouldBe("no");
    }

    [Fact]
    public async Task Events_arrive_whole_however_the_replica_cuts_them()
    {
        var body = $"data: {{\"model\":\"{Model}\",\"text\":\"é漢😀\"}}\r\n\r\n: note\n\ndata: {{\"model\":\"{Model}\"}}\n\ndata: [DONE]\n\n";
        await using var replica = await FakeReplica.StartAsync(async context =>
        {
            FakeReplica.BeginStream(context);
            foreach (var single in System.Text.Encoding.UTF8.GetBytes(body))
            {
                await context.Response.Body.WriteAsync(new[] { single }, context.RequestAborted);
                await context.Response.Body.FlushAsync(context.RequestAborted);
            }
        });
        Host.Serve(replica.Target);

        using var answer = await Client.StreamAsync("""{"model":"fireworks/story-3m","prompt":"x","stream":true}""");

        (await answer.TextAsync()).ShouldBe(body.Replace(Model, "fireworks/story-3m", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Large_events_and_ten_megabytes_of_prompt_pass()
    {
        var (prompt, text) = (new string('p', 10 << 20), new string('t', 1 << 20));
        await using var replica = await FakeReplica.StartAsync(FakeReplica.Streaming($"data: {{\"text\":\"{text}\"}}\n\n", "data: [DONE]\n\n"));
        Host.Serve(replica.Target);

        using var answer = await Client.StreamAsync($$"""{"model":"{{Model}}","prompt":"{{prompt}}","stream":true}""");

        (await answer.TextAsync()).ShouldBe($"data: {{\"text\":\"{text}\"}}\n\ndata: [DONE]\n\n");
        (await replica.Received).Body.ShouldContain(prompt);
    }

    [Fact]
    public async Task A_connection_is_used_again_after_a_stream()
    {
        var ports = new List<int>();
        await using var replica = await FakeReplica.StartAsync(context =>
        {
            ports.Add(context.Connection.RemotePort);
            return FakeReplica.Streaming("data: [DONE]\n\n")(context);
        });
        Host.Serve(replica.Target);

        for (var request = 0; request < 3; request++)
        {
            using var answer = await Client.StreamAsync();
            (await answer.TextAsync()).ShouldBe("data: [DONE]\n\n");
            await Host.RequestEndedAsync();
        }

        ports.Distinct().Count().ShouldBe(1);
    }

    [Fact]
    public async Task Relaxed_the_replica_is_told_to_pass_over_unknown_fields_too()
    {
        await using var replica = await FakeReplica.StartAsync(FakeReplica.Answering(Answer));
        await using var host = await GatewayHost.StartAsync(null, "Stoker:Gateway:RelaxUnknownFields=true");
        using var client = host.Admin();
        host.Serve(replica.Target);

        using var answer = await client.CompleteAsync($$"""{"model":"{{Model}}","prompt":"x","brand_new":1}""");

        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await replica.Received).Headers[ReplicaProtocol.RelaxedHeader].ShouldBe("1");
    }

    [Fact]
    public async Task Headers_are_stripped_and_set()
    {
        await using var replica = await FakeReplica.StartAsync(context =>
        {
            context.Response.Headers["fireworks-prefill-duration"] = "0.25";
            context.Response.Headers["fireworks-deployment"] = "what the replica cannot know";
            context.Response.Headers["x-secret"] = "of the replica";
            return FakeReplica.Answering(Answer)(context);
        });
        Host.Serve(replica.Target);
        Client.DefaultRequestHeaders.Add("x-stoker-request-id", "forged");
        Client.DefaultRequestHeaders.Add("x-stoker-cache-salt", "forged");
        Client.DefaultRequestHeaders.Add(ReplicaProtocol.RelaxedHeader, "1");
        Client.DefaultRequestHeaders.Add("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        Client.DefaultRequestHeaders.Add("x-request-id", "mine-42");
        Client.DefaultRequestHeaders.Add(ReplicaProtocol.IsolationKeyHeader, "a key of mine");

        using var answer = await Client.CompleteAsync();

        var headers = (await replica.Received).Headers;
        headers.Keys.Where(name => name.StartsWith(ReplicaProtocol.HeaderPrefix, StringComparison.OrdinalIgnoreCase)).Select(name => name.ToLowerInvariant())
            .ShouldBe([ReplicaProtocol.CacheSaltHeader, ReplicaProtocol.RequestIdHeader], ignoreOrder: true);
        headers[ReplicaProtocol.CacheSaltHeader].ShouldBe($"accounts/default {Deployment}");
        headers[ReplicaProtocol.IsolationKeyHeader].ShouldBe("a key of mine");
        headers[ReplicaProtocol.RequestIdHeader].ShouldBe(answer.Header("x-fireworks-request-id"));
        headers.Keys.ShouldNotContain("Authorization", StringComparer.OrdinalIgnoreCase);
        headers.Keys.ShouldNotContain("traceparent", StringComparer.OrdinalIgnoreCase);
        answer.Header("x-request-id").ShouldBe("mine-42");
        answer.Header("fireworks-prompt-tokens").ShouldBe("7");
        answer.Header("fireworks-cached-prompt-tokens").ShouldBe("3");
        answer.Header("fireworks-prefill-duration").ShouldBe("0.25");
        answer.Header("x-secret").ShouldBeNull();
        answer.Header("fireworks-deployment").ShouldBe(Deployment);
        double.Parse(answer.Header("fireworks-server-processing-time")!, System.Globalization.CultureInfo.InvariantCulture).ShouldBeGreaterThanOrEqualTo(0);
    }

    [Theory]
    [InlineData("with space", 1)]
    [InlineData("x", 129)]
    public async Task A_request_id_that_is_no_plain_short_text_is_not_echoed(string id, int times)
    {
        Client.DefaultRequestHeaders.TryAddWithoutValidation("x-request-id", string.Concat(Enumerable.Repeat(id, times)));

        using var answer = await Client.GetAsync("/inference/v1/models", Cancellation);

        answer.Header("x-request-id").ShouldBe(answer.Header("x-fireworks-request-id"));
    }

    [Fact]
    public async Task Models_lists_what_the_key_can_call()
    {
        await using var replica = await FakeReplica.StartAsync(FakeReplica.Answering(Answer));
        Host.Serve(replica.Target);

        foreach (var path in (string[])["/inference/v1/models", "/v1/models"])
        {
            using var list = JsonDocument.Parse(await Client.GetStringAsync(path, Cancellation));
            list.RootElement.GetProperty("object").GetString().ShouldBe("list");
            var data = list.RootElement.GetProperty("data").EnumerateArray().ToList();
            data.Select(model => model.GetProperty("id").GetString()).ShouldBe([Model, $"{Model}#{Deployment}"]);
            data.ShouldAllBe(model => model.GetProperty("object").GetString() == "model" && model.GetProperty("context_length").GetInt32() == 512);
            foreach (var model in data)
            {
                using var answer = await Client.CompleteAsync($$"""{"model":"{{model.GetProperty("id")}}","prompt":"x"}""");
                answer.StatusCode.ShouldBe(HttpStatusCode.OK);
            }
        }

        using var stranger = Host.Client(await Host.CreateAccountAsync("other"));
        (await stranger.GetStringAsync("/v1/models", Cancellation)).ShouldBe("""{"object":"list","data":[]}""");
    }
}
