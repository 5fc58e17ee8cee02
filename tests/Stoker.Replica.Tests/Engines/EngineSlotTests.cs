using Stoker.Engine;

namespace Stoker.Replica.Tests.Engines;

/// <summary>Between loaded and ready: requests are taken, the owner still waits for the proof.</summary>
public sealed class EngineSlotTests
{
    private const string Ask = """{"model": "sim", "prompt": "x"}""";
    private static readonly GenerationEvent End = new(0, "text", [], FinishReason.Stop)
    {
        Usage = new(1, 1, 0, TimeSpan.Zero, TimeSpan.Zero, TimeSpan.Zero),
    };

    [Fact]
    public async Task Requests_are_answered_while_the_first_answer_is_still_proven()
    {
        var proof = new TaskCompletionSource();
        var engine = new ScriptedEngine(End) { Proof = proof.Task };
        await using var replica = await RunningReplica.StartWithAsync(engine);
        await engine.Proving.Task;
        (await replica.HealthAsync()).GetProperty("state").GetString().ShouldBe("LOADING");
        (await replica.PostAsync("/v1/completions", Ask)).Status.ShouldBe(200);
        proof.SetResult();
        await replica.LoadedAsync();
        (await replica.HealthAsync()).GetProperty("state").GetString().ShouldBe("READY");
    }

    [Fact]
    public async Task A_model_that_does_not_answer_is_a_failed_load()
    {
        var proof = new TaskCompletionSource();
        var engine = new ScriptedEngine(End) { Proof = proof.Task };
        await using var replica = await RunningReplica.StartWithAsync(engine);
        proof.SetException(new ModelLoadException("model", null, "the loaded model failed its first step"));
        await Should.ThrowAsync<ModelLoadException>(() => replica.Host.Loaded);
        var end = await replica.Ended;
        end.Message.ShouldContain("failed its first step");
    }

    [Fact]
    public async Task What_the_operator_should_know_of_the_load_is_logged()
    {
        await using var replica = await RunningReplica.StartWithAsync(new ScriptedEngine(End) { LoadNotes = ["weights are not locked"] });
        await replica.LoadedAsync();
        replica.Host.Drain();
        await replica.Ended;
        replica.LogText.ShouldContain("Warning Stoker.Replica: weights are not locked");
    }
}
