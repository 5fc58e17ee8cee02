using Microsoft.AspNetCore.Http;
using Stoker.ControlPlane.Replicas;

namespace Stoker.ControlPlane.Tests.Gateway;

/// <summary>What the gateway notes of each replica's answers, which an update is judged by.</summary>
public sealed class ReplicaAnswersTests : GatewayTest
{
    private const string Event = "data: {\"choices\":[{\"text\":\"a\"}]}\n\n";
    private const string Error = "data: {\"error\":{\"message\":\"m\",\"code\":\"c\",\"type\":\"error\"}}\n\n";
    private const string Done = "data: [DONE]\n\n";
    private const string Refusal = """{"error":{"message":"m","type":"error","code":"c"}}""";

    [Fact]
    public async Task A_stream_that_ends_well_is_good_and_has_a_time_to_its_first_token()
    {
        var figures = await StreamAsync(FakeReplica.Streaming(Event, Done));
        (figures.Good, figures.Failed, figures.Streams).ShouldBe((1, 0, 1));
    }

    [Fact]
    public async Task A_stream_that_breaks_off_or_ends_with_the_replicas_error_is_a_failure()
    {
        (await StreamAsync(FakeReplica.Streaming(Event))).Failed.ShouldBe(1);
        var figures = await StreamAsync(FakeReplica.Streaming(Event, Error));
        (figures.Good, figures.Failed).ShouldBe((0, 1));
    }

    [Theory]
    [InlineData(200, """{"choices":[]}""", 1, 0)]
    [InlineData(400, Refusal, 1, 0)] // the request was wrong, not the replica
    [InlineData(429, Refusal, 1, 0)]
    [InlineData(500, Refusal, 0, 1)]
    [InlineData(200, "no json", 0, 1)]
    public async Task An_answer_is_the_replicas_failure_when_it_is_none_or_one_of_the_server(int status, string body, int good, int failed)
    {
        await using var replica = await FakeReplica.StartAsync(FakeReplica.Answering(body, status));
        Host.Serve(replica.Target);
        using (await Client.CompleteAsync()) await Host.RequestEndedAsync();
        var figures = replica.Target.Answers.Read();
        (figures.Good, figures.Failed, figures.Streams).ShouldBe((good, failed, 0));
    }

    [Fact]
    public async Task A_replica_that_dies_before_it_answers_has_failed()
    {
        await using var replica = await FakeReplica.StartAsync(context =>
        {
            context.Abort();
            return Task.CompletedTask;
        });
        Host.Serve(replica.Target);
        using (await Client.CompleteAsync()) await Host.RequestEndedAsync();
        replica.Target.Answers.Read().Failed.ShouldBe(3); // it was run again twice
    }

    [Fact]
    public async Task A_request_that_its_client_gave_up_says_nothing_of_the_replica()
    {
        await using var replica = await FakeReplica.StartAsync(async context =>
        {
            await FakeReplica.Streaming(Event)(context);
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted);
        });
        Host.Serve(replica.Target);
        using (var answer = await Client.StreamAsync())
        {
            using var reader = await answer.ReaderAsync();
            await reader.ReadLineAsync(Cancellation);
        }

        await Host.RequestEndedAsync();
        replica.Target.Answers.Read().Count.ShouldBe(0);
    }

    private async Task<AnswerFigures> StreamAsync(Func<HttpContext, Task> behaviour)
    {
        await using var replica = await FakeReplica.StartAsync(behaviour);
        Host.Serve(replica.Target);
        using (var answer = await Client.StreamAsync()) await answer.TextAsync();
        await Host.RequestEndedAsync();
        return replica.Target.Answers.Read();
    }
}
