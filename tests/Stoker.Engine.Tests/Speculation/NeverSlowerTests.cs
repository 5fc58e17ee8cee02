using FsCheck;
using FsCheck.Fluent;

namespace Stoker.Engine.Tests.Speculation;

/// <summary>
/// The rule of adaptive speculation, in virtual time: never slower than none by more than a twentieth, whatever drafts cost and however good they are, the very first
/// answer of an engine included.
/// </summary>
public sealed class NeverSlowerTests
{
    private const double Most = 1.05;

    private static readonly double[] Acceptances = [0, 0.2, 0.4, 0.6, 0.8, 1];

    /// <summary>Models that read their weights from memory, with a draft model and with n-grams; the story model, whose second row costs
    /// a third of the first one; rows and passes that cost nearly nothing, and such that never pay.</summary>
    private static readonly Dictionary<string, SimulatedCosts> Costs = new()
    {
        ["memory"] = new(25_000, 0.02, 0.05, 0.07, 0.04),
        ["ngram"] = new(25_000, 0.02, 0.05, 0),
        ["story"] = new(84, 0.35, 0.1, 0.13, 0.7),
        ["cheap"] = new(10_000, 0.001, 0.001, 0.01),
        ["dear"] = new(10_000, 0.5, 0.2, 0.5),
        ["jumps"] = new(84, 0.07, 0.5, 0, Second: 0.55),
    };

    public static TheoryData<string, int, int> Loads
    {
        get
        {
            var loads = new TheoryData<string, int, int>();
            foreach (var costs in Costs.Keys)
            {
                foreach (var (batch, tokens) in new[] { (1, 32), (2, 32), (4, 32), (8, 32), (16, 32), (32, 32), (1, 256), (4, 256), (16, 256), (1, 2000) }) loads.Add(costs, batch, tokens);
            }

            return loads;
        }
    }

    [Theory]
    [MemberData(nameof(Loads))]
    public void Full_batches_are_never_slower(string costs, int batch, int tokens)
    {
        foreach (var acceptance in Acceptances)
        {
            for (var seed = 0; seed < 4; seed++)
            {
                var loop = new SimulatedLoop(Costs[costs], seed).Serve(batch, tokens, (_, _) => acceptance, refill: true);
                loop.Ratio.ShouldBeLessThan(Most, $"acceptance {acceptance}, seed {seed}");
            }
        }
    }

    // By chance one sequence of a batch gets on less well and goes on alone: that is luck, hence the mean.
    [Theory]
    [MemberData(nameof(Loads))]
    public void Nor_are_batches_until_the_last_of_them_has_all(string costs, int batch, int tokens)
    {
        foreach (var acceptance in Acceptances)
        {
            Enumerable.Range(0, 8).Average(seed => new SimulatedLoop(Costs[costs], seed).Serve(batch, tokens, (_, _) => acceptance).Ratio)
                .ShouldBeLessThan(Most, $"acceptance {acceptance}");
        }
    }

    [Theory]
    [InlineData(1, 0.6, 64, 1.5)]
    [InlineData(1, 0.8, 64, 1.9)]
    [InlineData(1, 0.6, 256, 1.55)]
    [InlineData(4, 0.8, 256, 1.5)]
    public void Good_drafts_are_not_lost(int batch, double acceptance, int tokens, double times) =>
        Enumerable.Range(0, 20).Average(seed => 1 / new SimulatedLoop(Costs["memory"], seed).Serve(batch, tokens, (_, _) => acceptance).Ratio).ShouldBeGreaterThan(times);

    /// <summary>The story model with predictions of edited texts, on a machine that does other things too; costs are measured behind the first answer.</summary>
    [Theory]
    [InlineData(0.001)]
    [InlineData(0.05)]
    public void Long_drafts_that_are_followed_are_not_lost(double lost)
    {
        List<double> gains = [];
        for (var seed = 0; seed < 20; seed++)
        {
            var loop = new SimulatedLoop(Costs["jumps"], seed, draftTokens: 16, calibrated: false, lost: lost);
            for (var answer = 0; answer < 10; answer++)
            {
                var (before, without) = (loop.Microseconds, loop.WithoutDrafts);
                loop.Serve(1, 200, (_, token) => token % 32 == 16 ? 0 : 1);
                if (answer == 0) loop.Calibrate(1, 8, 16, 2, 9, 3, 5);
                gains.Add((loop.WithoutDrafts - without) / (loop.Microseconds - before));
            }
        }

        gains.Average().ShouldBeGreaterThan(4);
    }

    [Fact]
    public void What_drafting_gains_pays_for_a_long_prompt_however_long_the_engine_has_served()
    {
        var loop = new SimulatedLoop(Costs["memory"], 1).Serve(1, 20_000, (_, _) => 0.8);
        var before = loop.Drafted;
        loop.Prompt = 2000;
        loop.Serve(1, 100, (_, _) => 0.8);
        (loop.Drafted - before).ShouldBeGreaterThan(50);
    }

    [Fact]
    public void Answer_after_answer_with_bad_drafts_loses_a_hundredth()
    {
        var loop = new SimulatedLoop(Costs["memory"], 1);
        for (var answer = 0; answer < 50; answer++) loop.Serve(1, 32, (_, _) => 0);
        loop.Ratio.ShouldBeLessThan(1.015);
    }

    [Fact]
    public void Where_no_draft_can_pay_none_is_made()
    {
        var loop = new SimulatedLoop(Costs["dear"], 1).Serve(1, 200, (_, _) => 1);
        loop.Drafted.ShouldBe(0);
        loop.Ratio.ShouldBe(1, 0.02);
    }

    /// <summary>Random costs, random changes of acceptance within an answer and from one to the next, costs measured at the start or not.</summary>
    [Fact]
    public void Whatever_costs_are_and_however_acceptance_changes() => Prop.ForAll<byte[], PositiveInt, bool>((bytes, seed, calibrated) =>
    {
        var random = new Random(seed.Get);
        var costs = new SimulatedCosts(
            Math.Pow(10, 1 + (4 * random.NextDouble())), Dice(0.6), Dice(0.4), random.Next(3) == 0 ? 0 : 0.005 + Dice(0.6), Dice(0.8), Dice(0.01));
        double[] acceptances = [.. bytes.Take(8).Select(value => value / 255.0), Dice(1)];
        var loop = new SimulatedLoop(costs, seed.Get, 1 + random.Next(8), random.Next(200), calibrated);
        for (var answer = 0; answer < 3; answer++)
        {
            var (batch, tokens, first) = (1 + random.Next(8), 32 + random.Next(200), answer);
            loop.Serve(batch, tokens, (sequence, token) => acceptances[(first + sequence + (token / 32)) % acceptances.Length], refill: true);
        }

        loop.Ratio.ShouldBeLessThan(Most, $"{costs}, calibrated {calibrated}");

        double Dice(double most) => most * random.NextDouble() * random.NextDouble();
    }).QuickCheckThrowOnFailure();
}
