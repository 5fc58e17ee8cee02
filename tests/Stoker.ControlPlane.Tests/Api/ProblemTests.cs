using System.Text.Json;
using Stoker.Api;
using Stoker.Api.Names;
using Stoker.Api.Problems;

namespace Stoker.ControlPlane.Tests.Api;

public class ProblemTests
{
    [Fact]
    public void The_table_has_one_row_per_code_in_order()
    {
        CodeTable.All.Select(row => row.Code).ShouldBe(Enum.GetValues<Code>());
        CodeTable.All.Select(row => row.WireName).Distinct().Count().ShouldBe(CodeTable.All.Count);
        foreach (var row in CodeTable.All)
        {
            row.Code.Row().ShouldBe(row);
            CodeTable.FromNumber((int)row.Code).ShouldBe(row.Code);
            row.HttpStatus.ShouldBeInRange(200, 599);
            (row.ExitStatus == 0).ShouldBe(row.Code == Code.Ok);
        }
    }

    [Fact]
    public void A_wire_status_leads_to_a_code_with_that_status() =>
        CodeTable.All.Select(row => row.HttpStatus).Distinct().ShouldAllBe(
            status => CodeTable.FromHttpStatus(status).Row().HttpStatus == status);

    [Fact]
    public void An_unknown_number_is_unknown() => CodeTable.FromNumber(99).ShouldBe(Code.Unknown);

    [Fact]
    public void A_body_is_read_back_as_the_problem_it_was_made_from()
    {
        var violations = new Violations();
        violations.Require(false, "min_replica_count", "must be at least 0, was -1");
        violations.Parse<ModelName>("base_model", "nonsense").ShouldBeNull();
        violations.Parse<ModelName>("base_model", null).ShouldBeNull();
        var problem = violations.ToProblem() with { Reason = "WHY" };

        var json = JsonSerializer.Serialize(ProblemBody.From(problem), ApiJson.Default.ProblemBody);
        var back = JsonSerializer.Deserialize(json, ApiJson.Default.ProblemBody)!.ToProblem();

        back.Code.ShouldBe(Code.InvalidArgument);
        back.Message.ShouldContain("min_replica_count must be at least 0, was -1");
        back.Violations.ShouldBe(problem.Violations);
        back.Reason.ShouldBe("WHY");
    }

    [Fact]
    public void A_problem_without_details_is_the_plain_body() =>
        JsonSerializer.Serialize(ProblemBody.From(Problem.NotFound("model \"x\" not found")), ApiJson.Default.ProblemBody)
            .ShouldBe("""{"code":5,"message":"model \u0022x\u0022 not found","details":[]}""");
}
