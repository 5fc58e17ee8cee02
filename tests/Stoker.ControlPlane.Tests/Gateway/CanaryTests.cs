using System.Net;
using Microsoft.AspNetCore.Http;
using Stoker.ControlPlane.Routing;
using static Stoker.ControlPlane.Tests.Gateway.Inference;

namespace Stoker.ControlPlane.Tests.Gateway;

/// <summary>
/// Marked prompts go down every path, with every log line of the host kept at trace level; none may show up anywhere.
/// </summary>
public class CanaryTests
{
    private const string Canary = "canary-7f3a";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task No_prompt_no_answer_and_no_key_reaches_a_log_or_a_file()
    {
        await using var host = await GatewayHost.StartAsync();
        using var client = host.Admin();
        var answer = $$"""{"model":"{{Model}}","choices":[{"text":"{{Canary}}"}]}""";
        var frame = $"data: {answer}\n\n";

        await SendAsync(host, client, FakeReplica.Answering(answer));
        await SendAsync(host, client, FakeReplica.Streaming(frame, "data: [DONE]\n\n"), stream: true);
        await SendAsync(host, client, FakeReplica.Streaming(frame), stream: true); // ends without [DONE]
        await SendAsync(host, client, FakeReplica.Answering($"{Canary} is no JSON"));
        await SendAsync(host, client, FakeReplica.Answering(Canary, status: 500));
        await SendAsync(host, client, FakeReplica.Answering($$$"""{"error":{"message":"{{{Canary}}}"}}""", status: 400));
        await SendAsync(host, client, Die);
        host.Serve(FakeReplica.Gone());
        client.DefaultRequestHeaders.Add("x-stoker-cold-start", "reject");
        (await CallAsync(client)).ShouldBe(HttpStatusCode.ServiceUnavailable);
        client.DefaultRequestHeaders.Remove("x-stoker-cold-start");
        host.Serve(new ReplicaTarget("no host name", null, "/nowhere"));
        (await CallAsync(client)).ShouldBe(HttpStatusCode.InternalServerError);
        await HangUpAsync(host, client);
        foreach (var body in (string[])
            [$"{{\"model\":\"{Canary}\"", $"{Canary}", $"{{\"model\":\"a/b\",\"{Canary}\":1}}", $"{{\"prompt\":\"{Canary}\\q\"}}", $"{{\"model\":\"{Canary}/x\"}}"])
        {
            using var refused = await client.CompleteAsync(body);
            ((int)refused.StatusCode).ShouldBeInRange(400, 404);
        }

        using (var stranger = host.Client(Canary)) (await CallAsync(stranger)).ShouldBe(HttpStatusCode.Unauthorized);

        host.Log.Lines.Count.ShouldBeGreaterThan(100); // it did log
        host.Log.Lines.Where(line => line.Contains(Canary, StringComparison.Ordinal)).ShouldBeEmpty();
        host.Log.Lines.Where(line => line.Contains(host.AdminKey, StringComparison.Ordinal)).ShouldBeEmpty();
        foreach (var file in host.Files()) (await ReadSharedAsync(file)).ShouldNotContain(Canary, Case.Sensitive, file);
    }

    private static async Task SendAsync(GatewayHost host, HttpClient client, Func<HttpContext, Task> behaviour, bool stream = false)
    {
        await using var replica = await FakeReplica.StartAsync(behaviour);
        host.Serve(replica.Target);
        await CallAsync(client, stream);
        (await replica.Received).Body.ShouldContain(Canary);
    }

    private static async Task<HttpStatusCode> CallAsync(HttpClient client, bool stream = false)
    {
        using var answer = await client.CompleteAsync(Body(stream));
        await answer.TextAsync();
        return answer.StatusCode;
    }

    private static async Task HangUpAsync(GatewayHost host, HttpClient client)
    {
        await using var replica = await FakeReplica.StartAsync(context => Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted));
        host.Serve(replica.Target);
        using var hangUp = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var call = client.PostAsync(Completions, GatewayHost.Json(Body(stream: false)), hangUp.Token);
        await replica.Received.WaitAsync(Cancellation);
        await hangUp.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(call);
        await replica.HungUp.WaitAsync(Cancellation);
    }

    private static string Body(bool stream) =>
        $$"""{"model":"{{Model}}","prompt":"{{Canary}}","stop":["{{Canary}}"],"user":"{{Canary}}","stream":{{(stream ? "true" : "false")}}}""";

    private static Task Die(HttpContext context)
    {
        context.Abort();
        return Task.CompletedTask;
    }

    private static async Task<string> ReadSharedAsync(string path)
    {
        await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var reader = new StreamReader(file, System.Text.Encoding.Latin1);
        return await reader.ReadToEndAsync(Cancellation);
    }
}
