using System.Text.Json.Nodes;

namespace Firectl.Tests.Capacity;

public class CapacityVerbsTests
{
    private const string Reservation = """
        {"name":"accounts/team/reservations/r","acceleratorType":"NVIDIA_H100_80GB","reservedCount":8,"region":"US_IOWA_1",
         "startTime":"2030-01-01T00:00:00Z","endTime":"2031-01-01T00:00:00Z","active":true,"emulated":true}
        """;

    [Fact]
    public async Task Regions_are_listed_with_what_is_available()
    {
        using var run = new FirectlRun().Answer("GET /v1/accounts/team/regions?pageSize=50", """
            {"regions":[{"name":"US_IOWA_1","acceleratorTypes":["NVIDIA_A100_80GB","NVIDIA_H100_80GB"],"acceleratorCount":24,"availableCount":20,"emulated":true}],"totalSize":1}
            """);
        (await run.RunAsync("list regions -a team")).ShouldBe(0, run.Errors);
        run.Output.Split('\n')[0].ShouldBe("NAME       ACCELERATOR TYPES                   COUNT  AVAILABLE  EMULATED");
        run.Output.Split('\n')[1].ShouldBe("US_IOWA_1  NVIDIA_A100_80GB, NVIDIA_H100_80GB  24     20         true");
    }

    [Fact]
    public async Task Accelerators_are_listed_by_type_and_region()
    {
        using var run = new FirectlRun().Answer("GET /v1/accounts/team/accelerators?pageSize=50&filter=region%3D%22US_IOWA_1%22", """
            {"accelerators":[{"acceleratorType":"NVIDIA_H100_80GB","region":"US_IOWA_1","count":16,"availableCount":12,"reservedCount":0,"memoryBytes":"80000000000"}],"totalSize":1}
            """);
        (await run.RunAsync("accelerators", "ls", "-a", "team", "--filter", "region=\"US_IOWA_1\"")).ShouldBe(0, run.Errors);
        run.Output.ShouldContain("NVIDIA_H100_80GB  US_IOWA_1  16     12         0         80000000000");
    }

    [Theory]
    [InlineData("create reservation r -a team")]
    [InlineData("reservation create r --account-id team")]
    public async Task A_reservation_is_made_for_the_account_that_is_named(string verb)
    {
        using var run = new FirectlRun().Answer("POST /v1/accounts/team/reservations?reservationId=r", Reservation);
        (await run.RunAsync($"{verb} --accelerator-type h100_80gb --reserved-count 8 --region us-iowa-1 --start-time 2030-01-01 --end-time 2031-01-01")).ShouldBe(0, run.Errors);
        JsonNode.DeepEquals(JsonNode.Parse(run.Sent.Single().Body), JsonNode.Parse("""
            {"acceleratorType":"NVIDIA_H100_80GB","reservedCount":8,"region":"US_IOWA_1","startTime":"2030-01-01T00:00:00+00:00","endTime":"2031-01-01T00:00:00+00:00"}
            """)).ShouldBeTrue(run.Sent[0].Body);
        run.Output.ShouldContain("End Time: 2031-01-01 00:00:00\n");
        run.Output.ShouldContain("Emulated: true\n");
    }

    [Fact]
    public async Task A_reservation_changes_by_what_was_given_and_ends()
    {
        using var run = new FirectlRun()
            .Answer("PATCH /v1/accounts/team/reservations/r?updateMask=reserved_count%2Cend_time", Reservation)
            .Answer("GET /v1/accounts/team/reservations?showInactive=true&pageSize=50", $$"""{"reservations":[{{Reservation}}],"totalSize":1}""")
            .Answer("DELETE /v1/accounts/team/reservations/r", "{}");
        (await run.RunAsync("update reservation r -a team --reserved-count 4 --end-time 2031-01-01")).ShouldBe(0, run.Errors);
        (await run.RunAsync("list reservations -a team --show-inactive")).ShouldBe(0, run.Errors);
        run.Output.ShouldContain("accounts/team/reservations/r  NVIDIA_H100_80GB");
        (await run.RunAsync("delete reservation r -a team")).ShouldBe(0, run.Errors);
        (await run.RunAsync("update reservation r -a team")).ShouldBe(2);
    }

    [Fact]
    public async Task A_quota_is_lowered_and_its_limit_is_set()
    {
        const string Quota = """{"name":"accounts/team/quotas/global--h100-count","value":"4","maxValue":"8","usage":2}""";
        using var run = new FirectlRun()
            .Answer("PATCH /v1/accounts/team/quotas/global--h100-count?updateMask=value%2Cmax_value", Quota)
            .Answer("GET /v1/accounts/team/quotas?pageSize=50", $$"""{"quotas":[{{Quota}}],"totalSize":1}""");
        (await run.RunAsync("update quota global--h100-count -a team --value 4 --max-value 8")).ShouldBe(0, run.Errors);
        run.Sent[0].Body.ShouldBe("""{"value":"4","maxValue":"8"}""");
        (await run.RunAsync("list quotas -a team")).ShouldBe(0, run.Errors);
        (await run.RunAsync("update quota global--h100-count -a team")).ShouldBe(2);
    }

    [Theory]
    [InlineData("us-iowa-1", """{"region":"US_IOWA_1"}""")]
    [InlineData("EU_PARIS_1", """{"region":"EU_PARIS_1"}""")]
    [InlineData("us", """{"multiRegion":"US"}""")]
    [InlineData("global", """{"multiRegion":"GLOBAL"}""")]
    public async Task One_flag_takes_a_region_or_a_group(string typed, string placement)
    {
        using var run = new FirectlRun().Answer("POST /v1/accounts/team/deployments", """{"name":"accounts/team/deployments/d"}""");
        (await run.RunAsync($"create deployment m -a team --region {typed}")).ShouldBe(0, run.Errors);
        JsonNode.DeepEquals(JsonNode.Parse(run.Sent[0].Body)!["placement"], JsonNode.Parse(placement)).ShouldBeTrue(run.Sent[0].Body);
    }

    [Theory]
    [InlineData(1, false, null)]
    [InlineData(4, false, "less than 4 times")]
    [InlineData(1, true, "is emulated here")]
    public async Task Create_says_what_one_should_know_of_the_hardware(int count, bool emulated, string? note)
    {
        var extra = emulated ? "true" : "false";
        using var run = new FirectlRun().Answer(
            "POST /v1/accounts/team/deployments",
            $$"""{"name":"accounts/team/deployments/d","acceleratorType":"NVIDIA_H100_80GB","acceleratorCount":{{count}},"emulated":{{extra}} }""");
        (await run.RunAsync("create deployment m -a team")).ShouldBe(0, run.Errors);
        if (note is null) run.Errors.ShouldBeEmpty();
        else run.Errors.ShouldContain(note);
    }
}
