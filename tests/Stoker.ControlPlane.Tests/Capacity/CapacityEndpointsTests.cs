using System.Text;
using System.Text.Json.Nodes;
using Stoker.ControlPlane.Accounts;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Tests.Deployments;

namespace Stoker.ControlPlane.Tests.Capacity;

/// <summary>Regions, reservations and quotas over HTTP: the operator, and an account that is none.</summary>
public sealed class CapacityEndpointsTests : IAsyncLifetime
{
    private DeploymentsHost _host = null!;
    private HttpClient _operator = null!;
    private HttpClient _tenant = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _host = await DeploymentsHost.StartAsync(
            app =>
            {
                app.MapAccounts();
                app.MapCapacity();
            },
            settings: new Dictionary<string, string?>
            {
                ["Stoker:Capacity:Slots"] = "4",
                ["Stoker:Capacity:Emulated:US_IOWA_1:NVIDIA_H100_80GB"] = "8",
                ["Stoker:Capacity:Emulated:US_IOWA_1:NVIDIA_A100_80GB"] = "4",
                ["Stoker:Capacity:Emulated:EU_PARIS_1:NVIDIA_H100_80GB"] = "6",
                ["Stoker:Capacity:QuotaPerType"] = "10",
            });
        _operator = _host.Admin;
        await Ok(_operator, HttpMethod.Post, "/v1/accounts?accountId=team", "{}");
        await Ok(_operator, HttpMethod.Post, "/v1/accounts/team/users?userId=ann", """{"role":"admin"}""");
        var key = await Ok(_operator, HttpMethod.Post, "/v1/accounts/team/users/ann/apiKeys", "{}");
        _tenant = _host.Client((string)key["key"]!);
    }

    public async ValueTask DisposeAsync()
    {
        _tenant.Dispose();
        await _host.DisposeAsync();
    }

    [Fact]
    public async Task Regions_and_accelerators_show_what_an_account_could_take_and_what_is_emulated()
    {
        await Ok(_operator, HttpMethod.Post, "/v1/accounts/default/reservations?reservationId=r", """{"acceleratorType":"NVIDIA_H100_80GB","reservedCount":5,"region":"US_IOWA_1"}""");
        var regions = (await Ok(_tenant, HttpMethod.Get, "/v1/accounts/team/regions"))["regions"]!.AsArray();
        regions.Select(region => (string)region!["name"]!).ShouldBe(["EU_PARIS_1", "LOCAL", "US_IOWA_1"]);
        regions.Select(region => (int)region!["availableCount"]!).ShouldBe([6, 4, 7]);
        regions.Select(region => (bool?)region!["emulated"]).ShouldBe([true, null, true]);

        var mine = (await Ok(_operator, HttpMethod.Get, "/v1/accounts/default/accelerators?filter=region=\"US_IOWA_1\""))["accelerators"]!.AsArray();
        mine.Select(pool => ((string)pool!["acceleratorType"]!, (int)pool["count"]!, (int)pool["availableCount"]!, (int)pool["reservedCount"]!, (string)pool["memoryBytes"]!))
            .ShouldBe([("NVIDIA_A100_80GB", 4, 4, 0, "80000000000"), ("NVIDIA_H100_80GB", 8, 8, 5, "80000000000")]);
    }

    [Fact]
    public async Task A_reservation_lives_over_http_and_its_account_sees_it()
    {
        var created = await Ok(
            _operator, HttpMethod.Post, "/v1/accounts/team/reservations?reservationId=year",
            """{"acceleratorType":"NVIDIA_H100_80GB","reservedCount":4,"displayName":"training","endTime":"2999-01-01T00:00:00Z"}""");
        ((string)created["name"]!, (string)created["region"]!, (bool)created["active"]!, (bool)created["emulated"]!, (string)created["createdBy"]!)
            .ShouldBe(("accounts/team/reservations/year", "US_IOWA_1", true, true, "accounts/default/users/admin"));
        ((int)(await Ok(_tenant, HttpMethod.Get, "/v1/accounts/team/reservations/year"))["reservedCount"]!).ShouldBe(4);
        ((string)(await Ok(_tenant, HttpMethod.Get, "/v1/accounts/team/quotas/global--h100-count"))["value"]!).ShouldBe("10");
        ((int)(await Ok(_tenant, HttpMethod.Get, "/v1/accounts/team/quotas/global--h100-count"))["reservedCount"]!).ShouldBe(4);

        var changed = await Ok(_operator, HttpMethod.Patch, "/v1/accounts/team/reservations/year?updateMask=reserved_count,start_time", """{"reservedCount":8,"startTime":"2998-01-01T00:00:00Z"}""");
        ((int)changed["reservedCount"]!, (bool)changed["active"]!, (string)changed["displayName"]!).ShouldBe((8, false, "training"));
        (await Ok(_tenant, HttpMethod.Get, "/v1/accounts/team/reservations"))["totalSize"]!.GetValue<int>().ShouldBe(0);
        (await Ok(_tenant, HttpMethod.Get, "/v1/accounts/team/reservations?showInactive=true"))["totalSize"]!.GetValue<int>().ShouldBe(1);
        await Ok(_operator, HttpMethod.Delete, "/v1/accounts/team/reservations/year");
        await Refused(_tenant, HttpMethod.Get, "/v1/accounts/team/reservations/year", null, 404, "not found");
    }

    [Theory]
    [InlineData("?reservationId=R", """{"acceleratorType":"NVIDIA_H100_80GB","reservedCount":1}""", 400, "reservation_id")]
    [InlineData("", """{"acceleratorType":"NVIDIA_H100_80GB","reservedCount":1}""", 400, "reservation_id")]
    [InlineData("?reservationId=r", """{"reservedCount":1}""", 400, "accelerator_type is required")]
    [InlineData("?reservationId=r", """{"acceleratorType":"H100","reservedCount":1}""", 400, "accelerator_type must be one of")]
    [InlineData("?reservationId=r", """{"acceleratorType":"NVIDIA_L4_24GB","reservedCount":1}""", 400, "is in no region")]
    [InlineData("?reservationId=r", """{"acceleratorType":"NVIDIA_H100_80GB"}""", 400, "reserved_count is required")]
    [InlineData("?reservationId=r", """{"acceleratorType":"NVIDIA_H100_80GB","reservedCount":0}""", 400, "at least 1")]
    [InlineData("?reservationId=r", """{"acceleratorType":"NVIDIA_H100_80GB","reservedCount":1,"region":"US_MARS_1"}""", 400, "must be one of LOCAL, EU_PARIS_1, US_IOWA_1")]
    [InlineData("?reservationId=r", """{"acceleratorType":"NVIDIA_A100_80GB","reservedCount":1,"region":"EU_PARIS_1"}""", 400, "EU_PARIS_1 has no NVIDIA_A100_80GB")]
    [InlineData("?reservationId=r", """{"acceleratorType":"NVIDIA_H100_80GB","reservedCount":1,"endTime":"2001-01-01T00:00:00Z"}""", 400, "end_time")]
    [InlineData("?reservationId=r", """{"acceleratorType":"NVIDIA_H100_80GB","reservedCount":1,"startTime":"2999-01-02T00:00:00Z","endTime":"2999-01-01T00:00:00Z"}""", 400, "after the start")]
    [InlineData("?reservationId=r", """{"acceleratorType":"NVIDIA_H100_80GB","reservedCount":9}""", 429, "9 NVIDIA_H100_80GB cannot be reserved in any region")]
    [InlineData("?reservationId=r", """{"acceleratorType":"NVIDIA_H100_80GB","reservedCount":1,"price":1}""", 400, "price")]
    [InlineData("?id=r", """{}""", 400, "'id' is not known here")]
    public async Task A_bad_reservation_is_refused_with_its_cause(string query, string body, int status, string expected) =>
        await Refused(_operator, HttpMethod.Post, $"/v1/accounts/team/reservations{query}", body, status, expected);

    [Fact]
    public async Task No_more_is_reserved_than_there_is_at_any_moment()
    {
        const string Five = """{"acceleratorType":"NVIDIA_H100_80GB","reservedCount":5,"region":"US_IOWA_1","startTime":"2998-01-01T00:00:00Z","endTime":"2999-01-01T00:00:00Z"}""";
        await Ok(_operator, HttpMethod.Post, "/v1/accounts/team/reservations?reservationId=a", Five);
        await Refused(_operator, HttpMethod.Post, "/v1/accounts/default/reservations?reservationId=b", Five, 429, "3 are not reserved");
        await Ok(_operator, HttpMethod.Post, "/v1/accounts/default/reservations?reservationId=b", Five.Replace("2998", "2997").Replace("2999", "2998"));
        await Refused(_operator, HttpMethod.Patch, "/v1/accounts/default/reservations/b?updateMask=end_time", """{"endTime":"2998-06-01T00:00:00Z"}""", 429, "3 are not reserved");
        await Refused(_operator, HttpMethod.Patch, "/v1/accounts/default/reservations/b?updateMask=region", """{"region":"EU_PARIS_1"}""", 400, "region cannot be changed after creation");
        await Refused(_operator, HttpMethod.Post, "/v1/accounts/team/reservations?reservationId=a", Five.Replace(":5", ":1"), 409, "exists already");
        await Refused(_operator, HttpMethod.Post, "/v1/accounts/nobody/reservations?reservationId=a", Five.Replace(":5", ":1"), 404, "accounts/nobody");
    }

    [Fact]
    public async Task An_account_reserves_nothing_for_itself_and_sees_nothing_of_others()
    {
        const string One = """{"acceleratorType":"NVIDIA_H100_80GB","reservedCount":1}""";
        await Refused(_tenant, HttpMethod.Post, "/v1/accounts/team/reservations?reservationId=r", One, 403, "Only an admin of the account that runs this server");
        await Ok(_operator, HttpMethod.Post, "/v1/accounts/team/reservations?reservationId=r", One);
        await Refused(_tenant, HttpMethod.Patch, "/v1/accounts/team/reservations/r", """{"reservedCount":2}""", 403, "Only an admin");
        await Refused(_tenant, HttpMethod.Delete, "/v1/accounts/team/reservations/r", null, 403, "Only an admin");
        await Refused(_tenant, HttpMethod.Get, "/v1/accounts/default/reservations", null, 404, "accounts/default");
        await Refused(_operator, HttpMethod.Delete, "/v1/accounts/team/reservations/none", null, 404, "none");
        await Refused(_operator, HttpMethod.Get, "/v1/accounts/team/reservations/NONE", null, 404, "NONE");
    }

    [Fact]
    public async Task A_quota_is_lowered_by_its_account_and_limited_by_the_operator()
    {
        const string Path = "/v1/accounts/team/quotas/global--h100-count";
        ((string)(await Ok(_tenant, HttpMethod.Patch, $"{Path}?updateMask=value", """{"value":"4"}"""))["value"]!).ShouldBe("4");
        await Refused(_tenant, HttpMethod.Patch, $"{Path}?updateMask=value", """{"value":"11"}""", 400, "at most max_value, which is 10, was 11");
        await Refused(_tenant, HttpMethod.Patch, $"{Path}?updateMask=max_value", """{"maxValue":"20"}""", 403, "max_value");
        var raised = await Ok(_operator, HttpMethod.Patch, $"{Path}?updateMask=value,max_value&allowMissing=true", """{"value":"12","maxValue":"20"}""");
        ((string)raised["value"]!, (string)raised["maxValue"]!).ShouldBe(("12", "20"));
        await Refused(_operator, HttpMethod.Patch, $"{Path}?updateMask=value", """{"value":"-1"}""", 400, "at least 0");
        await Refused(_operator, HttpMethod.Patch, $"{Path}?updateMask=usage", """{"usage":1}""", 400, "usage is set by the server");
        await Refused(_tenant, HttpMethod.Get, "/v1/accounts/team/quotas/global--tpu-count", null, 404, "global--tpu-count");
        (await Ok(_tenant, HttpMethod.Get, "/v1/accounts/team/quotas"))["quotas"]!.AsArray().Select(quota => (string)quota!["name"]!).ShouldBe(
            ["accounts/team/quotas/global--a100-count", "accounts/team/quotas/global--cpu-count", "accounts/team/quotas/global--h100-count"]);
    }

    private static async Task<JsonNode> Ok(HttpClient client, HttpMethod method, string path, string? body = null)
    {
        var (status, text) = await SendAsync(client, method, path, body);
        status.ShouldBe(200, text);
        return JsonNode.Parse(text)!;
    }

    private static async Task Refused(HttpClient client, HttpMethod method, string path, string? body, int expected, string said)
    {
        var (status, text) = await SendAsync(client, method, path, body);
        status.ShouldBe(expected, text);
        text.ShouldContain(said);
    }

    private static async Task<(int Status, string Text)> SendAsync(HttpClient client, HttpMethod method, string path, string? body)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json") };
        using var answer = await client.SendAsync(request, Cancellation);
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(Cancellation));
    }
}
