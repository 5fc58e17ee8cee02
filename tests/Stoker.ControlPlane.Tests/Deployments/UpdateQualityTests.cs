using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Replicas;
using Stoker.ControlPlane.Runtimes;
using Stoker.ControlPlane.Storage;
using Stoker.ControlPlane.Tests.Storage;

namespace Stoker.ControlPlane.Tests.Deployments;

public class UpdateQualityTests
{
    [Theory]
    [InlineData(1000, 0, 90, 10, true)] // a tenth fails that did not
    [InlineData(1000, 0, 96, 4, false)] // too few failures
    [InlineData(1000, 0, 12, 7, false)] // too few answers
    [InlineData(10, 0, 90, 10, false)] // nothing is known of before
    [InlineData(900, 100, 90, 10, false)] // as before
    [InlineData(900, 100, 85, 15, false)] // by chance
    [InlineData(900, 100, 500, 500, true)]
    [InlineData(100000, 0, 9700, 300, false)] // certain, and too little to take an update back
    [InlineData(0, 100, 100, 0, false)] // better
    public void More_failures_are_worse_when_they_are_many_and_not_by_chance(int goodBefore, int failedBefore, int good, int failed, bool worse) =>
        (UpdateQuality.WhyWorse(Figures(goodBefore, failedBefore), Figures(good, failed)) is not null).ShouldBe(worse);

    [Theory]
    [InlineData(200, 1000, 500, 50, true)]
    [InlineData(200, 1000, 500, 49, false)] // too few streams
    [InlineData(200, 49, 500, 50, false)]
    [InlineData(200, 1000, 300, 500, false)] // slower, not clearly
    [InlineData(10, 1000, 60, 500, false)] // six times as slow, and nobody notices
    [InlineData(500, 1000, 200, 500, false)] // faster
    public void A_later_first_token_is_worse_when_people_would_notice(int before, int streamsBefore, int after, int streams, bool worse)
    {
        var why = UpdateQuality.WhyWorse(Streams(before, streamsBefore), Streams(after, streams));
        (why is not null).ShouldBe(worse);
        if (worse) why!.ShouldContain($"over {streams} streams");
    }

    [Fact]
    public void The_median_is_within_a_quarter_of_a_doubling()
    {
        foreach (var milliseconds in new[] { 1.0, 3, 17, 250, 4_000, 60_000 })
        {
            var answers = new ReplicaAnswers();
            for (var stream = 0; stream < 3; stream++) answers.FirstToken(TimeSpan.FromMilliseconds(milliseconds));
            answers.FirstToken(TimeSpan.FromHours(1)); // one that was slow moves no median
            answers.FirstToken(TimeSpan.Zero);
            answers.Read().MedianFirstToken.ShouldNotBeNull().TotalMilliseconds.ShouldBeInRange(milliseconds * 0.8, milliseconds * 1.25);
        }

        AnswerFigures.None.MedianFirstToken.ShouldBeNull();
    }

    [Fact]
    public async Task Figures_are_gathered_by_revision_also_of_replicas_that_are_gone()
    {
        using var file = new StoreFile();
        await using var database = SqliteDatabase.Open(file.Path, TimeProvider.System, TimeSpan.FromDays(1));
        var (board, name) = (new AnswerBoard(), DeploymentWorld.Name("d"));
        var figures = new RevisionFigures(board, new SqliteFiguresStore(database));
        var (old, current) = (Replica(1), Replica(2));
        board.Of(old.Id).Answered();
        figures.Take(name, [old], oldest: 1)[1].Good.ShouldBe(1);
        board.Of(old.Id).Answered();
        board.Of(current.Id).Failed();
        var both = figures.Take(name, [old, current], oldest: 1);
        (both[1].Good, both[2].Failed).ShouldBe((2, 1));

        var later = figures.Take(name, [current], oldest: 1); // the old one is gone, what it did is not
        (later[1].Good, later[2].Count).ShouldBe((2, 1));
        board.Find(old.Id).ShouldBeNull();
        figures.Take(name, [current], oldest: 2).Keys.ShouldBe([2L]);
        await figures.ForgetAsync(name, Cancellation);
        board.Find(current.Id).ShouldBeNull();
    }

    [Fact]
    public async Task Figures_survive_a_restart_as_far_as_they_can_be_read()
    {
        using var file = new StoreFile();
        await using var database = SqliteDatabase.Open(file.Path, TimeProvider.System, TimeSpan.FromDays(1));
        var (store, board, name) = (new SqliteFiguresStore(database), new AnswerBoard(), DeploymentWorld.Name("d"));
        var (first, replicas) = (new RevisionFigures(board, store), new[] { Replica(1), Replica(2) });
        foreach (var replica in replicas) board.Of(replica.Id).Answered();
        board.Of(replicas[1].Id).FirstToken(TimeSpan.FromMilliseconds(100));
        first.Take(name, replicas, oldest: 1);
        await first.WriteAsync(Cancellation);

        var second = new RevisionFigures(new(), store);
        await second.LoadAsync(Cancellation);
        var read = second.Take(name, replicas, oldest: 1);
        (read[1].Good, read[2].Good, read[2].Streams).ShouldBe((1, 1, 1));
        second.Take(name, replicas, oldest: 2);
        await second.WriteAsync(Cancellation);
        (await store.ListAsync(Cancellation)).Select(row => row.Revision).ShouldBe([2L]);

        await store.WriteAsync([new(name.ToString(), 2, [1, 2]), new(name.ToString(), 3, "{\"Good\":1,\"Failed\":0,\"FirstTokens\":[1]}"u8.ToArray())], Cancellation);
        var third = new RevisionFigures(new(), store);
        await third.LoadAsync(Cancellation);
        third.Take(name, replicas, oldest: 2).ShouldBeEmpty();
        await third.ForgetAsync(name, Cancellation);
        (await store.ListAsync(Cancellation)).ShouldBeEmpty();
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static AnswerFigures Figures(int good, int failed) => AnswerFigures.None with { Good = good, Failed = failed };

    private static AnswerFigures Streams(int milliseconds, int count)
    {
        var answers = new ReplicaAnswers();
        for (var stream = 0; stream < count; stream++)
        {
            answers.FirstToken(TimeSpan.FromMilliseconds(milliseconds));
            answers.Answered();
        }

        return answers.Read();
    }

    private static ObservedReplica Replica(long revision) => new(
        new()
        {
            Id = ReplicaId.Random(),
            Deployment = DeploymentWorld.Name("d").ToString(),
            Revision = revision,
            ModelFolder = "/m",
            ServedModelName = "m",
            Region = "LOCAL",
            AcceleratorType = "CPU",
            Slots = [0],
            ContextLength = 10,
            MemoryBytes = 1,
        },
        ReplicaPhase.Ready, Endpoint: null, Progress: null, Stalled: TimeSpan.Zero, End: null);
}
