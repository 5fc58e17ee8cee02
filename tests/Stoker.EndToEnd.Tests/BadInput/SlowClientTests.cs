using System.Text;
using Stoker.EndToEnd.Tests.Harness;

namespace Stoker.EndToEnd.Tests.BadInput;

/// <summary>Clients that take their time, or are gone: others go on.</summary>
public class SlowClientTests(DeployedServer deployed) : IClassFixture<DeployedServer>
{
    private const string Completions = "/inference/v1/completions";

    private StokerServerProcess Server => deployed.Server;

    [Theory]
    [InlineData(Completions)]
    [InlineData("/v1/accounts/default/deployments")]
    public async Task A_body_that_dribbles_is_cut_with_408_while_others_are_served(string target)
    {
        var clients = new List<RawHttp>();
        try
        {
            for (var i = 0; i < 50; i++)
            {
                clients.Add(await RawHttp.ConnectAsync(Server.Url));
                await clients[i].SendAsync([.. RawHttp.Head(Server, "POST", target, 1_000), .. "{"u8]);
            }

            await deployed.ShouldBeSoundAsync();
            foreach (var client in clients)
            {
                var answer = Encoding.UTF8.GetString(await client.ReadToEndAsync());
                answer.ShouldStartWith("HTTP/1.1 408");
            }

            await deployed.ShouldBeSoundAsync();
        }
        finally
        {
            foreach (var client in clients) client.Dispose();
        }
    }

    [Fact]
    public async Task Heads_that_never_end_hold_nobody_up()
    {
        var clients = new List<RawHttp>();
        try
        {
            for (var i = 0; i < 100; i++)
            {
                clients.Add(await RawHttp.ConnectAsync(Server.Url));
                await clients[i].SendAsync("POST /inference/v1/completions HTTP/1.1\r\nHost: x\r\nX-Slow: "u8.ToArray());
            }

            await deployed.ShouldBeSoundAsync();
            var cut = Encoding.UTF8.GetString(await clients[0].ReadToEndAsync());
            cut.ShouldStartWith("HTTP/1.1 408"); // in the end, each of them is
        }
        finally
        {
            foreach (var client in clients) client.Dispose();
        }
    }

    [Fact]
    public async Task A_client_that_stops_reading_is_cut_and_gives_its_places_back()
    {
        // Sixty-four choices with log-probabilities are some fifteen megabytes, far more than the buffers on the way.
        var body = $$"""
            {"model":"{{DeployedServer.Deployment}}","prompt":"Once","max_tokens":500,"ignore_eos":true,"n":64,"logprobs":5,"stream":true,"seed":1}
            """;
        using var slow = await RawHttp.ConnectAsync(Server.Url, receiveBufferBytes: 4096);
        var bytes = Encoding.UTF8.GetBytes(body);
        await slow.SendAsync([.. RawHttp.Head(Server, "POST", Completions, bytes.Length), .. bytes]);
        (await slow.ReadAsync(12)).ShouldBe("HTTP/1.1 200"u8.ToArray());
        await deployed.ShouldBeSoundAsync();

        await Patience.UntilAsync(() => ReplicaMetrics.ReadAsync(deployed.Sandbox, "vllm:num_requests_running"), running => running == 0, "no running sequence");
        await deployed.ShouldBeSoundAsync();
        Encoding.UTF8.GetString(await slow.ReadToEndAsync()).ShouldNotContain("[DONE]");
    }

    [Fact]
    public async Task A_thousand_connections_that_hang_up_leave_a_sound_server()
    {
        var request = Encoding.UTF8.GetBytes($$"""{"model":"{{DeployedServer.Deployment}}","prompt":"Once","max_tokens":300,"stream":true}""");
        byte[] whole = [.. RawHttp.Head(Server, "POST", Completions, request.Length), .. request];
        for (var i = 0; i < 1_000; i++)
        {
            using var client = await RawHttp.ConnectAsync(Server.Url);
            // Nothing, a piece of the head, a piece of the body; and every tenth a request that starts work.
            var length = i % 10 == 0 ? whole.Length : i * 7919 % (whole.Length - 1);
            if (length > 0) await client.SendAsync(whole[..length]);
        }

        await Patience.UntilAsync(
            async () => await ReplicaMetrics.ReadAsync(deployed.Sandbox, "vllm:num_requests_running")
                + await ReplicaMetrics.ReadAsync(deployed.Sandbox, "vllm:num_requests_waiting"),
            busy => busy == 0,
            "no request of a client that left");
        await deployed.ShouldBeSoundAsync();
    }
}
