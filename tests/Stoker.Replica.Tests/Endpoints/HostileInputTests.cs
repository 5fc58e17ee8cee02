using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using Stoker.Replica.Requests;

namespace Stoker.Replica.Tests.Endpoints;

public sealed class HostileInputTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Each_bad_body_gets_its_status_and_the_replica_goes_on()
    {
        await using var replica = await (await RunningReplica.StartAsync()).LoadedAsync();
        byte[][] bodies =
        [
            [], "{"u8.ToArray(), [0xFF, 0xFE, 0x00], [.. """{"model":"sim","prompt":"""u8, (byte)'"', 0xC0, 0xAF, (byte)'"', (byte)'}'],
            Encoding.UTF8.GetBytes(new string('[', 1_000_000)),
            Encoding.UTF8.GetBytes("{\"model\":\"sim\",\"prompt\":\"" + new string('a', 10 << 20) + "\"}"), // too long a prompt, not too large a body
            Encoding.UTF8.GetBytes("{\"model\":\"sim\",\"prompt\":[" + string.Join(',', Enumerable.Repeat("1", 1_000_000)) + "]}"),
            Encoding.UTF8.GetBytes("{\"model\":\"sim\",\"prompt\":\"x\",\"seed\":" + new string('9', 100_000) + "}"),
        ];
        foreach (var body in bodies)
        {
            using var content = new ByteArrayContent(body);
            using var response = await replica.Client.PostAsync("/v1/completions", content, Stop);
            response.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
            JsonNode.Parse(await response.Content.ReadAsStringAsync(Stop))!["error"]!["message"]!.GetValue<string>().Length.ShouldBeLessThan(400);
        }

        (await replica.PostAsync("/v1/completions", """{"model":"sim","prompt":"x"}""")).Status.ShouldBe(200);
    }

    [Fact]
    public async Task Long_prompts_are_encoded_one_after_the_other()
    {
        var loader = new ThrowingEngine.Loader(RunningReplica.Fast);
        await using var replica = await (await RunningReplica.StartWithAsync(loader)).LoadedAsync();
        var ask = "{\"model\":\"sim\",\"prompt\":\"" + new string('a', 2 << 20) + "\"}";
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => replica.PostAsync("/v1/completions", ask)));
        answers.ShouldAllBe(answer => answer.Status == 400); // too long for the context, each of them
        loader.Engine.MostEncoding.ShouldBe(1);
    }

    [Fact]
    public async Task A_client_that_sends_half_a_body_and_leaves_costs_nothing()
    {
        await using var replica = await (await RunningReplica.StartAsync()).LoadedAsync();
        using (var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(Path.Combine(replica.Directory, "s", "r.sock")), Stop);
            await socket.SendAsync(Encoding.UTF8.GetBytes("POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{\"model\""), Stop);
            while (replica.Host.Admission.Inside == 0) await Task.Yield();
        }

        while (replica.Host.Admission.Inside > 0) await Task.Yield();
        replica.LogText.ShouldNotContain("Error");
    }

    [Fact]
    public async Task A_reader_that_stops_reading_is_cancelled_and_others_go_on()
    {
        await using var replica = await (await RunningReplica.StartAsync(RunningReplica.Fast with { ContextLength = 1_000_000 })).LoadedAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions")
        {
            Content = new StringContent("""{"model":"sim","prompt":"x","max_tokens":900000,"ignore_eos":true,"stream":true}"""),
        };
        using var unread = await replica.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Stop);
        while (!(await replica.Client.GetStringAsync("/metrics", Stop)).Contains("finished_reason=\"abort\"} 1\n", StringComparison.Ordinal)) await Task.Yield();
        (await replica.PostAsync("/v1/completions", """{"model":"sim","prompt":"x"}""")).Status.ShouldBe(200);
    }

    [Fact]
    public void Whatever_bytes_come_the_parser_takes_or_refuses_them_and_never_breaks() =>
        Prop.ForAll(Bodies(), body =>
        {
            foreach (var kind in new[] { RequestKind.Text, RequestKind.Chat })
            {
                try
                {
                    RequestParser.Parse(body, kind).Dispose();
                }
                catch (ApiException refused)
                {
                    refused.Error.Status.ShouldBe(400);
                }
            }
        }).QuickCheckThrowOnFailure();

    /// <summary>Good requests with some bytes changed, cut out or doubled.</summary>
    private static Arbitrary<byte[]> Bodies()
    {
        byte[][] good =
        [
            """{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a\u00e9"}],"name":null}],"stop":["a"],"stream":true,"stream_options":{"include_usage":true}}"""u8.ToArray(),
            """{"model":"m","prompt":[[1,2],[3]],"logit_bias":{"5":-1.5},"logprobs":3,"n":2,"metadata":{"a":"b"},"temperature":1e0}"""u8.ToArray(),
        ];
        var change = Gen.Choose(0, 500 * 4 * 256).Select(it => (Place: it / 1024, What: it % 4, Value: it / 4 % 256));
        return Gen.Elements(good).Zip(change.ListOf()).Select(it =>
        {
            var body = it.Item1.ToList();
            foreach (var (place, what, value) in it.Item2)
            {
                if (body.Count == 0) break;
                var at = place % body.Count;
                if (what == 0) body.RemoveAt(at);
                else if (what == 1) body[at] = (byte)value;
                else if (what == 2) body.Insert(at, (byte)"{}[]\",:\\0x"[value % 10]);
                else body.InsertRange(at, body.Skip(at).Take(value % 16).ToArray());
            }

            return body.ToArray();
        }).ToArbitrary();
    }
}
