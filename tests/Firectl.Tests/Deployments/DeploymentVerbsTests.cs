using System.Net;
using System.Text.Json.Nodes;

namespace Firectl.Tests.Deployments;

public class DeploymentVerbsTests
{
    private const string Ready = """
        {"baseModel":"accounts/fireworks/models/story-3m","name":"accounts/team/deployments/d","createTime":"2030-01-01T12:00:00Z","state":"READY",
         "minReplicaCount":0,"maxReplicaCount":1,"desiredReplicaCount":1,"replicaCount":1,"replicaStats":{"readyReplicaCount":1},
         "autoscalingPolicy":{"scaleUpWindow":"30s","scaleDownWindow":"600s","scaleToZeroWindow":"3600s"},"acceleratorType":"CPU","region":"LOCAL","aNewField":1}
        """;

    private const string Explained = """
        {"deployment":"accounts/team/deployments/d","desiredReplicaCount":3,
         "now":{"time":"2030-01-01T12:01:00Z","previousReplicaCount":3,"desiredReplicaCount":3,"cause":"STEADY",
                "reason":"20 concurrent requests at 8 a replica need 3 replicas: stays at 3","inputs":{"idleDuration":"0s"}},
         "decisions":[
          {"time":"2030-01-01T12:00:30Z","previousReplicaCount":1,"desiredReplicaCount":3,"cause":"LOAD_LASTED","reason":"for 30s it was much: from 1 to 3",
           "inputs":{"queuedRequests":4,"runningRequests":16,"readyReplicaCount":1,"startingReplicaCount":0,"idleDuration":"0s"}},
          {"time":"2030-01-01T12:00:00Z","desiredReplicaCount":1,"cause":"CREATED","reason":"begins with 1 replica",
           "inputs":{"idleDuration":"0s"}}]}
        """;

    [Theory]
    [InlineData("create deployment story-3m --deployment-id d")]
    [InlineData("deployment create story-3m --deployment-id d")]
    [InlineData("deployments create --deployment-id d story-3m")]
    public async Task Both_word_orders_create(string commandLine)
    {
        using var run = new FirectlRun().AnswerWhoAmI().Answer("POST /v1/accounts/team/deployments?deploymentId=d", Ready);
        (await run.RunAsync(commandLine)).ShouldBe(0);
        var created = run.Sent.Single(sent => sent.Method == "POST");
        JsonNode.DeepEquals(JsonNode.Parse(created.Body), JsonNode.Parse("""{"baseModel":"story-3m"}""")).ShouldBeTrue();
    }

    [Theory]
    [InlineData("llama", 8_030_000_000, "", "Hint: * --draft-model accounts/fireworks/models/llama-v3p2-1b-instruct --draft-token-count 4")]
    [InlineData("qwen2", 7_600_000_000, "", "Hint: * --draft-model accounts/fireworks/models/qwen2p5-0p5b-instruct --draft-token-count 4")]
    [InlineData("llama", 3_200_000_000, "", null)] // too small for it to pay
    [InlineData("gemma2", 9_000_000_000, "", null)] // nothing is known
    [InlineData("llama", 8_030_000_000, "--disable-speculative-decoding", null)]
    [InlineData("llama", 8_030_000_000, "--draft-token-count 0", null)]
    [InlineData("llama", 8_030_000_000, "--ngram-speculation-length 3 --draft-token-count 4", null)]
    public async Task A_model_without_drafts_gets_the_recommended_one_as_a_hint(string type, long parameters, string flags, string? hint)
    {
        var disabled = flags.StartsWith("--disable", StringComparison.Ordinal) ? "?disableSpeculativeDecoding=true" : "";
        using var run = new FirectlRun()
            .Answer($"POST /v1/accounts/team/deployments{disabled}", Ready)
            .Answer(
                "GET /v1/accounts/fireworks/models/story-3m",
                $$$"""{"name":"accounts/fireworks/models/story-3m","kind":"HF_BASE_MODEL","baseModelDetails":{"modelType":"{{{type}}}","parameterCount":"{{{parameters}}}"}}""");
        (await run.RunAsync($"create deployment m -a team {flags}")).ShouldBe(0, run.Errors);
        if (hint is null) run.Errors.ShouldNotContain("Hint");
        else run.Errors.ShouldContain(hint[(hint.IndexOf('*', StringComparison.Ordinal) + 2)..]);
    }

    [Fact]
    public async Task A_default_draft_is_told()
    {
        var drafting = Ready.Replace("\"state\"", "\"draftModel\":\"accounts/fireworks/models/dm\",\"draftTokenCount\":3,\"state\"", StringComparison.Ordinal);
        using var run = new FirectlRun().Answer("POST /v1/accounts/team/deployments", drafting);
        (await run.RunAsync("create deployment m -a team")).ShouldBe(0, run.Errors);
        run.Errors.ShouldContain("accounts/fireworks/models/dm drafts 3 tokens at a time, the model's default");
    }

    [Fact]
    public async Task Every_flag_becomes_its_field()
    {
        using var run = new FirectlRun().Answer("POST /v1/accounts/team/deployments?disableSpeculativeDecoding=true", Ready);
        var exit = await run.RunAsync(
            "create deployment accounts/fireworks/models/m -a team --display-name name --description text --accelerator-type H100_80GB --accelerator-count 2 " +
            "--min-replica-count 1 --max-replica-count 3 --scale-up-window 30s --scale-down-window 10m --scale-to-zero-window 1h30m " +
            "--load-targets default=0.8,requests_per_second=10 --autoscaling-mode windows --precision fp8 --enable-addons --draft-model dm --draft-token-count 4 " +
            "--ngram-speculation-length 3 --enable-mtp --enable-session-affinity --long-prompt=false --max-context-length 4096 --region us-iowa-1 " +
            "--direct-route-type INTERNET --deployment-shape fast --cluster-id c --disable-speculative-decoding --expire-time 2030-02-01 " +
            "--hold-max-requests 50 --hold-max-bytes 5000000000 --hold-timeout 2m --broken-streams error --kv-precision fp8 --max-loaded-addons 64");
        exit.ShouldBe(0, run.Errors);
        JsonNode.DeepEquals(JsonNode.Parse(run.Sent.ShouldHaveSingleItem().Body), JsonNode.Parse("""
            {"baseModel":"accounts/fireworks/models/m","displayName":"name","description":"text","acceleratorType":"NVIDIA_H100_80GB","acceleratorCount":2,
             "minReplicaCount":1,"maxReplicaCount":3,
             "autoscalingPolicy":{"scaleUpWindow":"30s","scaleDownWindow":"600s","scaleToZeroWindow":"5400s","loadTargets":{"default":0.8,"requests_per_second":10},"autoscalingMode":"WINDOWS"},
             "precision":"FP8","enableAddons":true,"draftModel":"dm","draftTokenCount":4,"ngramSpeculationLength":3,"enableMtp":true,"enableSessionAffinity":true,
             "autoTune":{"longPrompt":false},"maxContextLength":4096,"placement":{"region":"US_IOWA_1"},"directRouteType":"INTERNET","deploymentShape":"fast",
             "cluster":"c","expireTime":"2030-02-01T00:00:00+00:00","stokerHold":{"maxRequests":50,"maxBytes":"5000000000","timeout":"120s"},"stokerBrokenStreams":"ERROR","stokerKvPrecision":"FP8","stokerMaxLoadedAddons":64}
            """)).ShouldBeTrue(run.Sent[0].Body);
    }

    [Theory]
    [InlineData("A100_80GB", "NVIDIA_A100_80GB")]
    [InlineData("h200_141gb", "NVIDIA_H200_141GB")]
    [InlineData("NVIDIA_H100_80GB", "NVIDIA_H100_80GB")]
    [InlineData("MI300X_192GB", "AMD_MI300X_192GB")]
    [InlineData("AMD_MI300X_192GB", "AMD_MI300X_192GB")]
    [InlineData("CPU", "CPU")]
    [InlineData("bogus", "BOGUS")]
    public async Task Accelerators_are_typed_as_people_say_them(string typed, string wire)
    {
        using var run = new FirectlRun().Answer("POST /v1/accounts/team/deployments", Ready);
        (await run.RunAsync($"create deployment m -a team --accelerator-type {typed}")).ShouldBe(0);
        JsonNode.Parse(run.Sent[0].Body)!["acceleratorType"]!.GetValue<string>().ShouldBe(wire);
    }

    [Fact]
    public async Task A_file_gives_the_fields_and_flags_win()
    {
        using var run = new FirectlRun().Answer("POST /v1/accounts/team/deployments", Ready);
        run.WriteFile("d.json", """{"baseModel":"other","minReplicaCount":1,"displayName":"file"}""");
        (await run.RunAsync("create", "deployment", "m", "-a", "team", "--file", Path.Combine(run.Home, "d.json"), "--display-name", "flag")).ShouldBe(0);
        JsonNode.DeepEquals(
            JsonNode.Parse(run.Sent[0].Body), JsonNode.Parse("""{"baseModel":"m","displayName":"flag","minReplicaCount":1}""")).ShouldBeTrue(run.Sent[0].Body);
    }

    [Fact]
    public async Task A_file_with_an_unknown_field_is_refused_here()
    {
        using var run = new FirectlRun();
        run.WriteFile("d.json", """{"minReplicas":1}""");
        (await run.RunAsync("create", "deployment", "m", "-a", "team", "--file", Path.Combine(run.Home, "d.json"))).ShouldBe(2);
        run.Errors.ShouldContain("minReplicas");
        run.Sent.ShouldBeEmpty();
    }

    [Fact]
    public async Task Wait_shows_each_state_and_ends_with_ready()
    {
        using var run = new FirectlRun()
            .Answer("POST /v1/accounts/team/deployments", Ready.Replace("READY", "CREATING"))
            .Answer("GET /v1/accounts/team/deployments/d", Ready.Replace("READY", "CREATING").Replace("\"readyReplicaCount\":1", "\"readyReplicaCount\":0"))
            .Answer("GET /v1/accounts/team/deployments/d", Ready);
        var running = run.RunAsync("create deployment m -a team --wait");
        run.Time.Advance(TimeSpan.FromSeconds(1));
        (await running).ShouldBe(0, run.Errors);
        run.Errors.ShouldContain("CREATING, 0/1 replicas ready");
        run.Errors.ShouldContain("READY, 1/1 replicas ready");
        run.Output.ShouldContain("State: READY");
    }

    [Fact]
    public async Task Wait_ends_when_it_failed_with_the_reason()
    {
        using var run = new FirectlRun()
            .Answer("POST /v1/accounts/team/deployments", Ready.Replace("READY", "CREATING"))
            .Answer("GET /v1/accounts/team/deployments/d", Ready.Replace("\"READY\"", "\"FAILED\",\"status\":{\"code\":\"INTERNAL\",\"message\":\"out of luck\"}"));
        (await run.RunAsync("create deployment m -a team --wait")).ShouldBe(6);
        run.Errors.ShouldContain("out of luck");
        run.Errors.ShouldContain("firectl get deployment d");
    }

    [Fact]
    public async Task Wait_ends_after_its_time()
    {
        using var run = new FirectlRun()
            .Answer("POST /v1/accounts/team/deployments", Ready.Replace("READY", "CREATING"))
            .Answer("GET /v1/accounts/team/deployments/d", Ready.Replace("READY", "CREATING"));
        var running = run.RunAsync("create deployment m -a team --wait --wait-timeout 1s");
        for (var i = 0; i < 10; i++) run.Time.Advance(TimeSpan.FromMilliseconds(200));
        (await running).ShouldBe(9);
        run.Errors.ShouldContain("--wait-timeout");
    }

    [Fact]
    public async Task Get_prints_labels_durations_and_times_as_people_read_them()
    {
        using var run = new FirectlRun().Answer("GET /v1/accounts/team/deployments/d", Ready);
        (await run.RunAsync("get deployment accounts/team/deployments/d")).ShouldBe(0);
        run.Output.ShouldStartWith("Name: accounts/team/deployments/d\nBase Model: accounts/fireworks/models/story-3m\n");
        run.Output.ShouldContain("Create Time: 2030-01-01 12:00:00\n");
        run.Output.ShouldContain("Autoscaling Policy:\n  Scale Up Window: 30s\n  Scale Down Window: 10m0s\n  Scale To Zero Window: 1h0m0s\n");
    }

    [Fact]
    public async Task Json_is_the_same_record_in_snake_case()
    {
        using var run = new FirectlRun().Answer("GET /v1/accounts/team/deployments/d", Ready);
        (await run.RunAsync("get deployment accounts/team/deployments/d -o json")).ShouldBe(0);
        var node = JsonNode.Parse(run.Output)!;
        node["base_model"]!.GetValue<string>().ShouldBe("accounts/fireworks/models/story-3m");
        node["autoscaling_policy"]!["scale_up_window"]!.GetValue<string>().ShouldBe("30s");
    }

    [Fact]
    public async Task List_is_a_table_with_page_and_total()
    {
        using var run = new FirectlRun().Answer(
            "GET /v1/accounts/team/deployments?pageSize=50", $$"""{"deployments":[{{Ready}}],"totalSize":1}""");
        (await run.RunAsync("list deployments -a team")).ShouldBe(0);
        var lines = run.Output.Split('\n');
        lines[0].ShouldStartWith("NAME ");
        lines[1].ShouldStartWith("accounts/team/deployments/d  accounts/fireworks/models/story-3m  READY");
        lines[1].IndexOf("READY", StringComparison.Ordinal).ShouldBe(lines[0].IndexOf("STATE", StringComparison.Ordinal));
        lines[3..5].ShouldBe(["Page 1 of 1", "Total size: 1"]);
    }

    [Fact]
    public async Task Pages_are_counted_from_zero_and_followed_by_token()
    {
        using var run = new FirectlRun()
            .Answer("GET /v1/accounts/team/deployments?pageSize=1&filter=state%3DREADY", """{"deployments":[{"name":"first"}],"nextPageToken":"t/1","totalSize":2}""")
            .Answer("GET /v1/accounts/team/deployments?pageSize=1&filter=state%3DREADY&pageToken=t%2F1", """{"deployments":[{"name":"second"}],"totalSize":2}""");
        (await run.RunAsync("list deployments -a team --page-size 1 --page-token 1 --filter state=READY")).ShouldBe(0, run.Errors);
        run.Output.ShouldContain("second");
        run.Output.ShouldNotContain("first");
        run.Output.ShouldContain("Page 2 of 2");
    }

    [Fact]
    public async Task No_paginate_shows_all_pages_as_one()
    {
        using var run = new FirectlRun()
            .Answer("GET /v1/accounts/team/deployments?pageSize=1", """{"deployments":[{"name":"first"}],"nextPageToken":"t","totalSize":2}""")
            .Answer("GET /v1/accounts/team/deployments?pageSize=1&pageToken=t", """{"deployments":[{"name":"second"}],"totalSize":2}""");
        (await run.RunAsync("ls deployments -a team --page-size 1 --no-paginate -o json")).ShouldBe(0, run.Errors);
        JsonNode.Parse(run.Output)!["deployments"]!.AsArray().Count.ShouldBe(2);
    }

    [Fact]
    public async Task Update_sends_what_was_given_and_a_mask_for_it()
    {
        using var run = new FirectlRun().Answer(
            "PATCH /v1/accounts/team/deployments/d?updateMask=min_replica_count%2Cautoscaling_policy.scale_to_zero_window", Ready);
        (await run.RunAsync("update deployment d -a team --min-replica-count 0 --scale-to-zero-window 30m")).ShouldBe(0, run.Errors);
        JsonNode.DeepEquals(
            JsonNode.Parse(run.Sent[0].Body),
            JsonNode.Parse("""{"minReplicaCount":0,"autoscalingPolicy":{"scaleToZeroWindow":"1800s"}}""")).ShouldBeTrue(run.Sent[0].Body);
    }

    [Fact]
    public async Task Update_of_nothing_is_refused_here()
    {
        using var run = new FirectlRun();
        (await run.RunAsync("update deployment d -a team")).ShouldBe(2);
        run.Sent.ShouldBeEmpty();
    }

    [Fact]
    public async Task Delete_waits_until_it_is_gone()
    {
        using var run = new FirectlRun()
            .Answer("DELETE /v1/accounts/team/deployments/d?hard=true&ignoreChecks=true", "{}")
            .Answer("GET /v1/accounts/team/deployments/d", """{"code":5,"message":"gone","details":[]}""", HttpStatusCode.NotFound);
        (await run.RunAsync("delete deployment d -a team --hard --ignore-checks --wait")).ShouldBe(0, run.Errors);
        run.Errors.ShouldContain("Deleted accounts/team/deployments/d");
    }

    [Fact]
    public async Task Undelete_waits_until_it_is_ready_again()
    {
        using var run = new FirectlRun()
            .Answer("POST /v1/accounts/team/deployments/d:undelete", Ready.Replace("READY", "UPDATING"))
            .Answer("GET /v1/accounts/team/deployments/d", Ready.Replace("READY", "UPDATING"))
            .Answer("GET /v1/accounts/team/deployments/d", Ready);
        var running = run.RunAsync("undelete deployment d -a team --wait");
        run.Time.Advance(TimeSpan.FromSeconds(1));
        (await running).ShouldBe(0, run.Errors);
        run.Output.ShouldContain("State: READY");
    }

    [Theory]
    [InlineData("deployment events d -a team")]
    [InlineData("events deployment accounts/team/deployments/d")]
    public async Task Events_are_a_table_of_what_happened(string commandLine)
    {
        using var run = new FirectlRun().Answer("GET /v1/accounts/team/deployments/d:events", """
            {"events":[{"eventTime":"2030-01-01T12:00:00Z","severity":"NORMAL","reason":"CREATED","message":"Created."},
                       {"eventTime":"2030-01-01T12:00:05Z","severity":"WARNING","reason":"ROLLED_BACK","message":"Revision 2 is rolled back."}],"totalSize":2}
            """);
        (await run.RunAsync(commandLine)).ShouldBe(0, run.Errors);
        var lines = run.Output.Split('\n');
        lines[0].ShouldStartWith("TIME ");
        lines[1].ShouldBe("2030-01-01 12:00:00  NORMAL    CREATED      Created.");
        lines[2].ShouldBe("2030-01-01 12:00:05  WARNING   ROLLED_BACK  Revision 2 is rolled back.");
        run.Output.ShouldContain("Total size: 2");

        (await run.RunAsync($"{commandLine} -o json")).ShouldBe(0, run.Errors);
        run.Output.ShouldContain("\"event_time\"");
    }

    [Fact]
    public async Task Another_region_is_the_servers_to_refuse()
    {
        using var run = new FirectlRun().Answer(
            "PATCH /v1/accounts/team/deployments/d?updateMask=placement", """{"code":3,"message":"placement is fixed","details":[]}""", HttpStatusCode.BadRequest);
        (await run.RunAsync("update deployment d -a team --region us-iowa-1")).ShouldBe(2);
        run.Sent[0].Body.ShouldBe("""{"placement":{"region":"US_IOWA_1"}}""");
        run.Errors.ShouldContain("placement is fixed");
    }

    [Theory]
    [InlineData("--deployment-deletion-guard", "deployment_deletion_guard", """{"deploymentDeletionGuard":true}""")]
    [InlineData("--deployment-deletion-guard=false", "deployment_deletion_guard", """{"deploymentDeletionGuard":false}""")]
    [InlineData("--display-name Team", "display_name", """{"displayName":"Team"}""")]
    public async Task An_account_is_changed_field_by_field(string flag, string mask, string body)
    {
        using var run = new FirectlRun().AnswerWhoAmI().Answer($"PATCH /v1/accounts/team?updateMask={mask}", """{"name":"accounts/team"}""");
        (await run.RunAsync($"update account {flag}")).ShouldBe(0, run.Errors);
        run.Sent[^1].Body.ShouldBe(body);
        (await run.RunAsync($"account update team {flag}")).ShouldBe(0, run.Errors);
        (await run.RunAsync("update account")).ShouldBe(2);
        run.Errors.ShouldContain("nothing to change");
    }

    [Fact]
    public async Task Scale_patches_the_count()
    {
        using var run = new FirectlRun().Answer("PATCH /v1/accounts/team/deployments/d:scale", "{}");
        (await run.RunAsync("scale deployment d -a team --replica-count 1")).ShouldBe(0, run.Errors);
        run.Sent[0].Body.ShouldBe("""{"replicaCount":1}""");
    }

    [Fact]
    public async Task Explain_shows_the_decisions_and_what_would_be_decided_now()
    {
        using var run = new FirectlRun().Answer("GET /v1/accounts/team/deployments/d:explain?pageSize=20", Explained);
        (await run.RunAsync("explain deployment d -a team")).ShouldBe(0, run.Errors);
        run.Output.ShouldBe("""
            Deployment: accounts/team/deployments/d
            Desired Replica Count: 3
            Now: 20 concurrent requests at 8 a replica need 3 replicas: stays at 3

            TIME                 FROM  TO  CAUSE        QUEUED  RUNNING  READY  STARTING  REASON
            2030-01-01 12:00:30  1     3   LOAD_LASTED  4       16       1      0         for 30s it was much: from 1 to 3
            2030-01-01 12:00:00        1   CREATED      0       0        0      0         begins with 1 replica

            Page 1 of 1
            Total size: 2

            """.ReplaceLineEndings("\n"));
    }

    [Fact]
    public async Task Explain_gives_the_same_as_json()
    {
        using var run = new FirectlRun().Answer("GET /v1/accounts/team/deployments/d:explain?pageSize=5", Explained);
        (await run.RunAsync("deployment explain d -a team --page-size 5 -o json")).ShouldBe(0, run.Errors);
        var json = JsonNode.Parse(run.Output)!;
        json["decisions"]!.AsArray().Count.ShouldBe(2);
        json["decisions"]![0]!["inputs"]!["running_requests"]!.GetValue<int>().ShouldBe(16);
    }

    [Fact]
    public async Task Get_shows_the_seconds_so_far()
    {
        using var run = new FirectlRun().Answer(
            "GET /v1/accounts/team/deployments/d", Ready.Replace("\"aNewField\":1", "\"stokerUsage\":{\"acceleratorSeconds\":12.5,\"replicaSeconds\":6.25}"));
        (await run.RunAsync("get deployment d -a team")).ShouldBe(0, run.Errors);
        run.Output.ShouldContain("Stoker Usage:\n  Accelerator Seconds: 12.5\n  Replica Seconds: 6.25\n");
    }

    [Theory]
    [InlineData("usage deployment d -a team")]
    [InlineData("deployment usage d -a team")]
    public async Task Usage_is_a_table_by_day(string commandLine)
    {
        using var run = new FirectlRun().Answer(
            "GET /v1/accounts/team/deployments/d:usage?pageSize=50",
            """{"days":[{"day":"2030-01-31","acceleratorType":"CPU","region":"LOCAL","reserved":false,"acceleratorSeconds":20.5,"replicaSeconds":10.25}],"totalSize":1}""");
        (await run.RunAsync(commandLine)).ShouldBe(0, run.Errors);
        run.Output.Split('\n')[0].ShouldStartWith("DAY ");
        run.Output.Split('\n')[1].Split(' ', StringSplitOptions.RemoveEmptyEntries).ShouldBe(["2030-01-31", "CPU", "LOCAL", "false", "20.5", "10.25"]);
    }

    [Fact]
    public async Task Usage_by_interval_is_the_same_record_as_json()
    {
        using var run = new FirectlRun().Answer(
            "GET /v1/accounts/team/deployments/d:intervals?pageSize=50",
            """{"intervals":[{"replica":"abc","state":"RUNNING","acceleratorSeconds":1.0000001}],"totalSize":1}""");
        (await run.RunAsync("deployment usage d -a team --intervals -o json")).ShouldBe(0, run.Errors);
        JsonNode.Parse(run.Output)!["intervals"]![0]!["accelerator_seconds"]!.GetValue<double>().ShouldBe(1.0000001);
    }

    [Theory]
    [InlineData("account usage -a team")]
    [InlineData("usage account -a team")]
    public async Task Usage_of_an_account_has_its_removed_deployments_too(string command)
    {
        using var run = new FirectlRun().Answer(
            "GET /v1/accounts/team/usage?pageSize=50",
            """{"usage":[{"deployment":"accounts/team/deployments/gone","createTime":"2030-01-01T12:00:00Z","acceleratorSeconds":12.5}],"totalSize":1}""");
        (await run.RunAsync(command)).ShouldBe(0, run.Errors);
        run.Output.ShouldContain("accounts/team/deployments/gone");
        run.Output.ShouldContain("12.5");
    }

    [Theory]
    [InlineData("true", 0)]
    [InlineData("false", 1)]
    public async Task A_ledger_that_contradicts_itself_has_its_own_exit_status(string consistent, int status)
    {
        using var run = new FirectlRun().Answer(
            "GET /v1/accounts/team/deployments/d:verifyUsage",
            $$"""{"consistent":{{consistent}},"eventCount":2,"findings":[{"replica":"abc","time":"2030-01-01T12:00:00Z","late":{{consistent}},"message":"it is odd"}]}""");
        (await run.RunAsync("verify-usage deployment d -a team")).ShouldBe(status, run.Errors);
        run.Output.ShouldContain("Message: it is odd");
    }

    [Fact]
    public async Task Dry_run_prints_the_request_and_sends_nothing()
    {
        using var run = new FirectlRun();
        (await run.RunAsync("create deployment m -a team --dry-run")).ShouldBe(0);
        run.Sent.ShouldBeEmpty();
        run.Output.ShouldBe("POST http://stoker.test/v1/accounts/team/deployments\n{\"baseModel\":\"m\"}\n".ReplaceLineEndings());
    }

    [Theory]
    [InlineData("create deployment", "Required argument 'MODEL'")]
    [InlineData("create deployment m --scale-up-window 5", "a duration such as 30s")]
    [InlineData("create deployment m --min-replica-count many", "many")]
    [InlineData("create deployment m --nonsense", "--nonsense")]
    [InlineData("create deployment m -a team --load-targets default", "name=number")]
    [InlineData("create deployment m --wait --wait-timeout -5s", "--wait-timeout must not be negative, was '-5s'")]
    [InlineData("create deployment m -a team --file /nowhere/x.json", "--file /nowhere/x.json cannot be read: ")]
    [InlineData("update quota q --value 99999999999999999999", "for option '--value' as a whole number")]
    [InlineData("scale deployment d", "--replica-count")]
    [InlineData("explain deployment d -a team --page-size 201", "--page-size must be from 1 to 200, was 201")]
    [InlineData("get deployment a/b", "no name of deployments")]
    [InlineData("list deployments --page-size 0 -a team", "--page-size")]
    [InlineData("get deployment d -o yaml", "yaml")]
    public async Task A_wrong_command_line_says_what_is_wrong(string commandLine, string message)
    {
        using var run = new FirectlRun();
        (await run.RunAsync(commandLine)).ShouldBe(2);
        run.Errors.ShouldContain(message);
        run.Sent.ShouldBeEmpty();
    }
}
