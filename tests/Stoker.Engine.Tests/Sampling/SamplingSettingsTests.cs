using Stoker.Engine.Sampling;

namespace Stoker.Engine.Tests.Sampling;

public sealed class SamplingSettingsTests
{
    public static TheoryData<string, SamplingOptions> Bad => new()
    {
        { "temperature", new() { Temperature = -0.1 } },
        { "temperature", new() { Temperature = 2.1 } },
        { "temperature", new() { Temperature = double.NaN } },
        { "top_p", new() { TopP = 0 } },
        { "top_p", new() { TopP = 1.1 } },
        { "top_k", new() { TopK = -1 } },
        { "min_p", new() { MinP = -0.1 } },
        { "min_p", new() { MinP = 1.1 } },
        { "repetition_penalty", new() { RepetitionPenalty = 0 } },
        { "repetition_penalty", new() { RepetitionPenalty = 2.5 } },
        { "presence_penalty", new() { PresencePenalty = 2.5 } },
        { "frequency_penalty", new() { FrequencyPenalty = -2.5 } },
        { "logit_bias", new() { LogitBias = new Dictionary<int, double> { [10] = 1 } } },
        { "logit_bias", new() { LogitBias = new Dictionary<int, double> { [-1] = 1 } } },
        { "logit_bias", new() { LogitBias = new Dictionary<int, double> { [1] = 101 } } },
        { "logit_bias", new() { LogitBias = new Dictionary<int, double> { [1] = double.PositiveInfinity } } },
    };

    [Theory]
    [MemberData(nameof(Bad), DisableDiscoveryEnumeration = true)]
    public void A_value_out_of_range_is_refused_by_name_with_the_range(string name, SamplingOptions options)
    {
        var refusal = Should.Throw<RequestRefusedException>(() => From(options));
        refusal.Kind.ShouldBe(RefusalKind.Invalid);
        refusal.Parameter.ShouldBe(name);
        refusal.Message.ShouldStartWith(name);
    }

    [Fact]
    public void The_ends_of_the_ranges_are_allowed()
    {
        From(new() { Temperature = 0, TopP = 1, TopK = 0, MinP = 0, PresencePenalty = -2, FrequencyPenalty = -2 });
        From(new() { Temperature = 2, TopP = 0.0001, TopK = int.MaxValue, MinP = 1, RepetitionPenalty = 2, PresencePenalty = 2, FrequencyPenalty = 2 });
        From(new() { LogitBias = new Dictionary<int, double> { [0] = -100, [9] = 100 } });
    }

    [Fact]
    public void Request_wins_over_deployment_over_model_over_api()
    {
        var model = new SamplingOptions { Temperature = 0.7, TopK = 40, TopP = 0.95 };
        var deployment = new SamplingOptions { TopK = 20, MinP = 0.1 };
        var request = new SamplingOptions { TopK = 5, Seed = 9 };
        var settings = From(request.Over(deployment).Over(model));
        (settings.TopK, settings.MinP, settings.Temperature, settings.TopP).ShouldBe((5, 0.1, 0.7, 0.95));
        (settings.RepetitionPenalty, settings.Seed).ShouldBe((1, 9));
    }

    [Fact]
    public void A_seed_is_drawn_only_where_none_is_given()
    {
        From(new()).Seed.ShouldBe(77);
        From(new() { Seed = 0 }).Seed.ShouldBe(0);
    }

    private static SamplingSettings From(SamplingOptions options) =>
        SamplingSettings.From(options.Over(SamplingOptions.ApiDefaults), vocabularySize: 10, drawSeed: () => 77);
}
