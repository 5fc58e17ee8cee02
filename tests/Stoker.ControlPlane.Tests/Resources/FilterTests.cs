using FsCheck;
using FsCheck.Fluent;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Resources;

namespace Stoker.ControlPlane.Tests.Resources;

public class FilterTests
{
    private static readonly ModelResource Model = new()
    {
        Name = "accounts/a/models/m",
        DisplayName = "A \"quoted\" name",
        State = "READY",
        CreateTime = new DateTimeOffset(2030, 1, 1, 12, 0, 0, TimeSpan.Zero),
        ContextLength = 512,
        Public = true,
        BaseModelDetails = new() { ParameterCount = 3_000_000_000, Moe = false },
        DefaultSamplingParams = new Dictionary<string, double> { ["top_p"] = 0.95 },
    };

    private static readonly DeploymentResource Deployment = new()
    {
        MinReplicaCount = 0,
        AutoscalingPolicy = new() { ScaleUpWindow = "90s" },
    };

    [Theory]
    [InlineData("", true)]
    [InlineData("  ", true)]
    [InlineData("state=READY", true)]
    [InlineData("state = READY", true)]
    [InlineData("state=\"READY\"", true)]
    [InlineData("state='READY'", true)]
    [InlineData("state!=READY", false)]
    [InlineData("state=UPLOADING", false)]
    [InlineData("name=\"accounts/a/models/m\"", true)]
    [InlineData("name=accounts/a/models/m", true)]
    [InlineData("display_name=\"A \\\"quoted\\\" name\"", true)]
    [InlineData("displayName=\"A \\\"quoted\\\" name\"", true)]
    [InlineData("context_length=512", true)]
    [InlineData("contextLength>511.5", true)]
    [InlineData("context_length<512", false)]
    [InlineData("context_length<=512", true)]
    [InlineData("context_length>=513", false)]
    [InlineData("training_context_length=0", true)] // absent: the type's default, as in proto3
    [InlineData("training_context_length<1", true)]
    [InlineData("description=\"\"", true)]
    [InlineData("description!=x", true)]
    [InlineData("public=true", true)]
    [InlineData("public!=true", false)]
    [InlineData("supports_tools=false", true)]
    [InlineData("base_model_details.moe=false", true)]
    [InlineData("peft_details.r=0", true)]
    [InlineData("base_model_details.parameter_count>2999999999", true)]
    [InlineData("base_model_details.parameter_count=\"3000000000\"", true)]
    [InlineData("create_time=2030-01-01T12:00:00Z", true)]
    [InlineData("create_time=\"2030-01-01T13:00:00+01:00\"", true)]
    [InlineData("create_time<2030-01-01T12:00:00.5Z", true)]
    [InlineData("update_time<2030-01-01T00:00:00Z", true)] // never updated is before everything
    [InlineData("default_sampling_params.top_p>0.9", true)]
    [InlineData("default_sampling_params.top_k=0", true)]
    [InlineData("state=READY AND public=true", true)]
    [InlineData("state=READY AND public=false", false)]
    [InlineData("(state=READY)", true)]
    [InlineData("((state=READY) AND (public=true AND (context_length>1)))", true)]
    [InlineData("(state=READY)AND(public=false)", false)]
    public void A_filter_holds_or_not(string filter, bool expected) => Matches(filter, Model).ShouldBe(expected);

    [Theory]
    [InlineData("autoscaling_policy.scale_up_window=90s", true)]
    [InlineData("autoscaling_policy.scale_up_window=1.5m", false)] // one spelling on the wire: seconds
    [InlineData("autoscaling_policy.scale_up_window>9s", true)] // as text it would be less
    [InlineData("autoscaling_policy.scale_up_window<100s", true)]
    [InlineData("min_replica_count=0", true)]
    public void Durations_compare_as_durations(string filter, bool expected) => Filter.Parse(filter, WireJson.Context.DeploymentResource).Value
        .Matches(Deployment).ShouldBe(expected);

    [Theory]
    [InlineData("nosuch=1", "unknown field 'nosuch'")]
    [InlineData("base_model_details.nosuch=1", "unknown field 'base_model_details.nosuch'")]
    [InlineData("state.x=1", "unknown field 'state.x'")]
    [InlineData("state", "before its end")]
    [InlineData("state=", "before its end")]
    [InlineData("=READY", "at character 1")]
    [InlineData("state==READY", "before '=READY'")]
    [InlineData("state=READY public=true", "before")]
    [InlineData("state=READY AND", "before its end")]
    [InlineData("AND state=READY", "'AND'")]
    [InlineData("state=READY OR state=UPLOADING", "allowed are")]
    [InlineData("NOT state=READY", "allowed are")]
    [InlineData("state:READY", "before ':READY'")]
    [InlineData("state=READY and public=true", "allowed are")]
    [InlineData("(state=READY", "lacks 1 closing")]
    [InlineData("state=READY)", "before ')'")]
    [InlineData("()", "before ')'")]
    [InlineData("state=\"READY", "quotation that does not end")]
    [InlineData("state=\"READY\\", "quotation that does not end")]
    [InlineData("context_length=many", "a number, with 'many'")]
    [InlineData("context_length=NaN", "a number")]
    [InlineData("context_length=Infinity", "a number")]
    [InlineData("public=1", "true or false")]
    [InlineData("public>true", "know = and != only")]
    [InlineData("create_time=yesterday", "a time such as")]
    [InlineData("supported_precisions=FP8", "a list or an object")]
    [InlineData("base_model_details=1", "a list or an object")]
    [InlineData("state=READY; DROP TABLE resources", "before ';")]
    public void A_bad_filter_says_what_and_where(string filter, string reason)
    {
        var problem = Filter.Parse(filter, WireJson.Context.ModelResource).Problem!;

        problem.Code.ShouldBe(Code.InvalidArgument);
        problem.Violations.Single().Field.ShouldBe("filter");
        problem.Message.ShouldContain(reason);
    }

    [Fact]
    public void Deep_parentheses_cost_no_stack()
    {
        var deep = new string('(', 900) + "state=READY" + new string(')', 900);

        Matches(deep, Model).ShouldBeTrue();
        Filter.Parse(new string('(', 1990), WireJson.Context.ModelResource).Problem!.Code.ShouldBe(Code.InvalidArgument);
    }

    [Fact]
    public void Long_input_is_refused_by_its_length() =>
        Filter.Parse(new string('(', 1_000_000), WireJson.Context.ModelResource).Problem!.Message.ShouldContain("1000000 characters long, at most 2000");

    [Fact]
    public void Too_many_comparisons_are_refused() =>
        Filter.Parse(string.Join(" AND ", Enumerable.Repeat("state=A", 51)), WireJson.Context.ModelResource)
            .Problem!.Message.ShouldContain("more than 50 comparisons");

    [Fact]
    public void No_text_makes_the_parser_throw()
    {
        var piece = Gen.Elements("(", ")", "state", "public", "=", "!=", "<", "AND", "\"", "'", "\\", "READY", "true", " ", ".", ":", "ä", "\0", "2030-01-01T00:00:00Z", "\uD800");
        Prop.ForAll(Arb.From(Gen.ArrayOf(piece)), pieces =>
        {
            var result = Filter.Parse(string.Concat(pieces), WireJson.Context.ModelResource);
            return result.Problem is { } problem ? problem.Code == Code.InvalidArgument : Evaluates(result.Value);
        }).QuickCheckThrowOnFailure();

        static bool Evaluates(Filter filter)
        {
            filter.Matches(Model);
            return true;
        }
    }

    [Fact]
    public void Any_text_in_quotes_equals_itself() => Prop.ForAll((NonNull<string> text) =>
    {
        var quoted =
            text.Get.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal);
        var filter = Filter.Parse($"display_name=\"{quoted}\"", WireJson.Context.ModelResource);
        return filter.Value.Matches(new ModelResource { DisplayName = text.Get });
    }).QuickCheckThrowOnFailure();

    private static bool Matches(string filter, ModelResource model) => Filter.Parse(filter, WireJson.Context.ModelResource).Value
        .Matches(model);
}
