using Stoker.Engine.Scheduling;

namespace Stoker.Engine.Tests.Scheduling;

public sealed class AdmissionRulesTests
{
    private static readonly DoorFigures Door =
        new(VocabularySize: 50, ContextLength: 100, KvBlocks: 5, BlockSize: 16, SamplingOptions.ApiDefaults);

    public static TheoryData<string, GenerationRequest> Bad => new()
    {
        { "prompt", Request(0) },
        { "prompt", new() { PromptTokens = [1, 50] } },
        { "prompt", new() { PromptTokens = [-1] } },
        { "n", Request(3) with { Choices = 0 } },
        { "n", Request(3) with { Choices = 129 } },
        { "logprobs", Request(3) with { Logprobs = -1 } },
        { "logprobs", Request(3) with { Logprobs = 21 } },
        { "max_tokens", Request(3) with { MaxTokens = -1 } },
        { "min_tokens", Request(3) with { MinTokens = -1 } },
        { "min_tokens", Request(3) with { MaxTokens = 5, MinTokens = 6 } },
        { "echo_last", Request(3) with { Echo = true, EchoLast = 1 } },
        { "echo_last", Request(3) with { EchoLast = -1 } },
        { "stop", Request(3) with { Stop = [""] } },
        { "stop", Request(3) with { Stop = ["\ud83d"] } },
        { "stop", Request(3) with { Stop = [new string('x', 1025)] } },
        { "stop", Request(3) with { Stop = [.. Enumerable.Repeat("x", 65)] } },
        { "stop_token_ids", Request(3) with { StopTokens = [50] } },
        { "temperature", Request(3) with { Sampling = new() { Temperature = 3 } } },
    };

    [Theory]
    [MemberData(nameof(Bad), DisableDiscoveryEnumeration = true)]
    public void What_is_never_right_is_refused_by_name(string parameter, GenerationRequest request)
    {
        var refusal = Should.Throw<RequestRefusedException>(() => AdmissionRules.Check(request, Door));
        (refusal.Kind, refusal.Parameter).ShouldBe((RefusalKind.Invalid, parameter));
    }

    [Fact]
    public void A_request_longer_than_the_context_is_refused_with_the_figures()
    {
        var refusal = Refusal(Request(30) with { MaxTokens = 71 });
        (refusal.Kind, refusal.Parameter).ShouldBe((RefusalKind.TooLong, "max_tokens"));
        refusal.Message.ShouldContain("30 tokens");
        refusal.Message.ShouldContain("71 are to be generated");
        refusal.Message.ShouldContain("together 101");
        refusal.Message.ShouldContain("context length is 100");
        (Refusal(Request(101)).Kind, Refusal(Request(101)).Parameter).ShouldBe((RefusalKind.TooLong, "prompt"));
        (Refusal(Request(100)).Kind, Refusal(Request(100)).Parameter).ShouldBe((RefusalKind.TooLong, "prompt"));
    }

    [Fact]
    public void A_request_that_the_cache_can_never_hold_is_refused_with_the_figures()
    {
        var refusal = Refusal(Request(30) with { MaxTokens = 51 });
        refusal.Kind.ShouldBe(RefusalKind.NeverFits);
        refusal.Message.ShouldContain("6 KV blocks");
        refusal.Message.ShouldContain("the cache has 5");
        Refusal(Request(90)).Kind.ShouldBe(RefusalKind.NeverFits);
        AdmissionRules.Check(Request(30) with { MaxTokens = 50 }, Door).MaxTokens.ShouldBe(50);
    }

    [Fact]
    public void Max_tokens_is_lowered_only_on_request_and_the_prompt_never()
    {
        AdmissionRules.Check(Request(30), Door).MaxTokens.ShouldBe(50); // to the end of the cache
        // to the end of the context
        AdmissionRules.Check(Request(30), Door with { KvBlocks = 10 }).MaxTokens.ShouldBe(70);
        AdmissionRules.Check(Request(30) with { MaxTokens = 500, FitMaxTokens = true }, Door).MaxTokens.ShouldBe(50);
        AdmissionRules.Check(Request(30) with { MaxTokens = 7, FitMaxTokens = true }, Door).MaxTokens.ShouldBe(7);
        AdmissionRules.Check(Request(80) with { MaxTokens = 0, Echo = true }, Door).MaxTokens.ShouldBe(0);
        Refusal(Request(81) with { MaxTokens = 500, FitMaxTokens = true }).Kind.ShouldBe(RefusalKind.NeverFits);
    }

    [Fact]
    public void Absurd_numbers_do_not_overflow()
    {
        Refusal(Request(30) with { MaxTokens = int.MaxValue }).Kind.ShouldBe(RefusalKind.TooLong);
        Refusal(Request(30) with { MaxTokens = int.MinValue }).Parameter.ShouldBe("max_tokens");
    }

    private static RequestRefusedException Refusal(GenerationRequest request) =>
        Should.Throw<RequestRefusedException>(() => AdmissionRules.Check(request, Door));

    private static GenerationRequest Request(int promptLength) =>
        new() { PromptTokens = [.. Enumerable.Repeat(1, promptLength)] };
}
