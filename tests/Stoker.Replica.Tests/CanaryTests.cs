using System.Net.Sockets;
using System.Text;

namespace Stoker.Replica.Tests;

/// <summary>
/// Marked prompts down every path; no file of the replica and no line on the console may have the mark.
/// </summary>
public sealed class CanaryTests
{
    private const string Mark = "CANARY-7f3a91";

    [Fact]
    public async Task No_prompt_reaches_the_log_or_the_console_whatever_happens_to_its_request()
    {
        using var console = new CapturedConsole();
        string log;
        await using (var replica = await (await RunningReplica.StartWithAsync(new ThrowingEngine.Loader(RunningReplica.Fast with { Slots = 1, MostWaiting = 0 }))).LoadedAsync())
        {
            foreach (var (path, body) in Requests()) await replica.PostAsync(path, body);
            await RawAsync(replica, $"POST /v1/{Mark} HTTP/1.1\r\nHost: {Mark}\r\nContent-Length: 2\r\n\r\n{Mark}");
            await RawAsync(replica, $"{Mark}\r\n\r\n");
            await RawAsync(replica, $"POST /v1/completions HTTP/1.1\r\nHost: x\r\nx-stoker-request-id: {Mark} x\r\nContent-Length: 400\r\n\r\n{{\"model\":\"{Mark}");
            using var stream = new HttpRequestMessage(HttpMethod.Post, "/v1/completions")
            {
                Content = new StringContent($$"""{"model":"sim","prompt":"{{Mark}}","stream":true}"""),
            };
            (await replica.Client.SendAsync(stream, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken)).Dispose();
            log = replica.LogText;
            foreach (var file in Directory.GetFiles(replica.Directory, "*", SearchOption.AllDirectories).Where(file => !file.EndsWith(".sock", StringComparison.Ordinal)))
            {
                (await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken)).ShouldNotContain(Mark, customMessage: file);
            }
        }

        log.ShouldContain("Debug"); // the level that says most was on
        log.ShouldContain("500"); // and a fault of the engine went through it
        console.Text.ShouldNotContain(Mark);
    }

    private static IEnumerable<(string Path, string Body)> Requests()
    {
        yield return ("/v1/completions", $$"""{"model":"sim","prompt":"{{Mark}}","stop":["{{Mark}}"],"user":"{{Mark}}","metadata":{"{{Mark}}":"{{Mark}}"} }""");
        yield return ("/v1/chat/completions", $$"""{"model":"sim","messages":[{"role":"user","content":"{{Mark}}"}]}""");
        yield return ("/v1/completions", $$"""{"model":"{{Mark}}","prompt":"{{Mark}}"}""");
        yield return ("/v1/completions", $$"""{"model":"sim","prompt":"{{Mark}}","{{Mark}}":"{{Mark}}"}""");
        yield return ("/v1/completions", $$"""{"model":"sim","prompt":"{{Mark}}" {{Mark}}""");
        yield return ("/v1/completions", $$"""{"model":"sim","prompt":"{{Mark}}","temperature":"{{Mark}}"}""");
        yield return ("/v1/completions", $$"""{"model":"sim","prompt":"{{Mark}}","tools":["{{Mark}}"]}""");
        yield return ("/v1/completions", $$"""{"model":"sim","prompt":"{{string.Concat(Enumerable.Repeat(Mark, 1000))}}"}""");
        // more than the queue holds
        yield return ("/v1/completions", $$"""{"model":"sim","prompt":"{{Mark}}","n":50}""");
        yield return ("/v1/completions", $$"""{"model":"sim","prompt":"{{Mark}}","logit_bias":{"{{Mark}}":1} }""");
        yield return ("/v1/completions", $$"""{"model":"sim","prompt":"{{ThrowingEngine.Fault}}{{Mark}}"}""");
        yield return ($"/{Mark}", Mark);
        yield return ("/stoker/v1/lease", Mark);
    }

    /// <summary>Bytes as they are, and whatever comes back until the replica closes or answers.</summary>
    private static async Task RawAsync(RunningReplica replica, string text)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(Path.Combine(replica.Directory, "s", "r.sock")), TestContext.Current.CancellationToken);
        await socket.SendAsync(Encoding.UTF8.GetBytes(text), TestContext.Current.CancellationToken);
        socket.Shutdown(SocketShutdown.Send);
        await socket.ReceiveAsync(new byte[4096], TestContext.Current.CancellationToken);
    }
}
