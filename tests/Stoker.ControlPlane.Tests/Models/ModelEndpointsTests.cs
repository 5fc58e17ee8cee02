using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Stoker.Api.Names;
using Stoker.ControlPlane.Models;

namespace Stoker.ControlPlane.Tests.Models;

public sealed class ModelEndpointsTests(ModelsHost host) : IClassFixture<ModelsHost>
{
    private const string Acme = "/v1/accounts/acme/models";
    private const string Library = "/v1/accounts/fireworks/models";

    [Fact]
    public async Task A_created_model_waits_for_its_files_and_says_how_to_send_them()
    {
        var created = (await host.Tenant.Post(Acme, Body("waits"))).ShouldBe(200).Json;

        ((string?)created["name"]).ShouldBe("accounts/acme/models/waits");
        ((string?)created["state"]).ShouldBe("UPLOADING");
        ((string?)created["status"]!["code"]).ShouldBe("FAILED_PRECONDITION");
        ((string?)created["status"]!["message"])!.ShouldContain("firectl upload model accounts/acme/models/waits PATH");
        ((string?)created["createdBy"]).ShouldBe("accounts/acme/users/ann");
        ((bool?)created["public"]).ShouldBe(false);
        ((string?)created["createTime"])!.ShouldEndWith("Z");
        JsonNode.DeepEquals((await host.Tenant.Get($"{Acme}/waits")).ShouldBe(200).Json, created).ShouldBeTrue();
    }

    [Theory]
    [InlineData("{", 400, "not valid JSON at line 1")]
    [InlineData("", 400, "empty")]
    [InlineData("[]", 400, "must be an object")]
    [InlineData("{\"modelId\": 7, \"model\": {}}", 400, "modelId must be a string")]
    [InlineData("{\"modelId\": \"x\", \"modelId\": \"y\"}", 400, "modelId is there twice")]
    [InlineData("{\"modelId\": \"x\", \"modle\": {}}", 400, "modle is no field")]
    [InlineData("{\"modelId\": \"x\"}", 400, "model is required")]
    [InlineData("{\"model\": {\"kind\": \"HF_BASE_MODEL\", \"baseModelDetails\": {}}}", 400, "model_id is required")]
    [InlineData("{\"modelId\": \"x\", \"model\": {\"kind\": \"HF_BASE_MODEL\", \"baseModelDetails\": {\"moe\": 1}}}", 400, "model.baseModelDetails.moe must be true or false")]
    [InlineData("{\"modelId\": \"x\", \"model\": {\"kind\": \"FLUMINA_ADDON\"}}", 501, "FLUMINA_ADDON")]
    [InlineData("{\"modelId\": \"x\", \"cluster\": \"c\", \"model\": {}}", 501, "cluster")]
    public async Task A_bad_create_body_is_refused_with_its_reason(string body, int status, string reason) =>
        (await host.Tenant.Post(Acme, body)).ShouldBe(status).Message.ShouldContain(reason);

    [Theory]
    [InlineData("UPPER")]
    [InlineData("1digit")]
    [InlineData("-a")]
    [InlineData("a-")]
    [InlineData("a/b")]
    [InlineData("..")]
    [InlineData("a.b")]
    [InlineData("äh")]
    public async Task A_bad_identifier_is_refused(string id) =>
        (await host.Tenant.Post(Acme, Body(id))).ShouldBe(400).Message.ShouldContain("model_id");

    [Fact]
    public async Task An_identifier_has_at_most_63_characters()
    {
        (await host.Tenant.Post(Acme, Body(new string('a', 64)))).ShouldBe(400);
        (await host.Tenant.Post(Acme, Body(new string('a', 63)))).ShouldBe(200);
    }

    [Fact]
    public async Task A_second_model_of_a_name_is_refused()
    {
        (await host.Tenant.Post(Acme, Body("twice"))).ShouldBe(200);
        (await host.Tenant.Post(Acme, Body("twice"))).ShouldBe(409).Message.ShouldContain("already exists");
    }

    [Theory]
    [InlineData("story-3m", "accounts/fireworks/models/story-3m")] // found in the library when the own account has none
    [InlineData("accounts/fireworks/models/story-3m", "accounts/fireworks/models/story-3m")]
    public async Task An_addon_is_linked_to_its_base_by_full_name(string given, string stored)
    {
        var id = $"addon-{given.Length}";
        var created = (await host.Tenant.Post(Acme, Addon(id, given))).ShouldBe(200).Json;

        ((string?)created["peftDetails"]!["baseModel"]).ShouldBe(stored);
    }

    [Theory]
    [InlineData("nowhere", "not found")]
    [InlineData("accounts/default/models/secret", "not found")]
    [InlineData("accounts/fireworks/models/story-3m-lora-zog", "must be a base model")]
    [InlineData("not a name", "names no model")]
    public async Task An_addon_needs_a_base_that_is_there(string given, string reason)
    {
        await host.Operator.Post("/v1/accounts/default/models", Body("secret"));

        (await host.Tenant.Post(Acme, Addon("orphan", given))).ShouldBe(400).Message.ShouldContain(reason);
        (await host.Tenant.Get($"{Acme}/orphan")).ShouldBe(404);
    }

    [Fact]
    public async Task Another_accounts_model_and_a_missing_one_answer_the_same_bytes()
    {
        (await host.Operator.Post("/v1/accounts/default/models", Body("private"))).ShouldBe(200);

        var other = (await host.Tenant.Get("/v1/accounts/default/models/private")).ShouldBe(404);
        var missing = (await host.Tenant.Get("/v1/accounts/default/models/missing")).ShouldBe(404);
        var unknownAccount = (await host.Tenant.Get("/v1/accounts/nobody/models/private")).ShouldBe(404);
        var own = (await host.Tenant.Get($"{Acme}/private")).ShouldBe(404);

        other.Text.ShouldBe("""{"code":5,"message":"model \"accounts/default/models/private\" not found","details":[]}""");
        missing.Text.ShouldBe(other.Text.Replace("private", "missing", StringComparison.Ordinal));
        unknownAccount.Text.ShouldBe(other.Text.Replace("default", "nobody", StringComparison.Ordinal));
        own.Text.ShouldBe(other.Text.Replace("default", "acme", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("GET", "")]
    [InlineData("POST", "")]
    [InlineData("GET", "/m")]
    [InlineData("PATCH", "/m")]
    [InlineData("DELETE", "/m")]
    [InlineData("POST", "/m:getUploadEndpoint")]
    [InlineData("GET", "/m:validateUpload")]
    [InlineData("GET", "/m:getDownloadEndpoint")]
    [InlineData("POST", "/m:prepare")]
    [InlineData("POST", "/m:import")]
    [InlineData("POST", "/m/versions")]
    [InlineData("GET", "/m/versions:count")]
    [InlineData("PUT", "/m/files/config.json")]
    [InlineData("GET", "/m/files/config.json")]
    public async Task No_route_works_without_a_key_or_a_signature(string method, string path) =>
        (await host.Nobody.Send(new HttpMethod(method), Acme + path, "{}")).ShouldBe(401);

    [Theory]
    [InlineData("POST", ":import")]
    [InlineData("POST", "/versions")]
    [InlineData("GET", "/versions:count")]
    public async Task Verbs_that_are_not_active_say_so(string method, string verb) =>
        (await host.Tenant.Send(new HttpMethod(method), $"{Acme}/m{verb}", "{}")).ShouldBe(501).Message.ShouldContain("not available");

    [Fact]
    public async Task Everybody_reads_the_library_and_only_its_operator_writes_it()
    {
        var model = (await host.Tenant.Get($"{Library}/story-3m")).ShouldBe(200).Json;
        ((string?)model["state"]).ShouldBe("READY");
        ((int?)model["contextLength"]).ShouldBe(512);
        ((string?)model["baseModelDetails"]!["modelType"]).ShouldBe("llama");
        model["defaultDraftModel"].ShouldBeNull();

        (await host.Tenant.Patch($"{Library}/story-3m", """{"displayName": "mine"}""")).ShouldBe(403);
        (await host.Tenant.Delete($"{Library}/story-3m")).ShouldBe(403);
        (await host.Tenant.Post(Library, Body("mine"))).ShouldBe(403);
        (await host.Tenant.Get($"{Library}/qwen2p5-3b-instruct:validateUpload")).ShouldBe(403);
        (await host.Operator.Post(Library, Body("ours"))).ShouldBe(200);
    }

    [Fact]
    public async Task A_private_model_of_the_library_is_hidden_like_a_missing_one()
    {
        (await host.Operator.Post(Library, Body("hidden"))).ShouldBe(200);

        (await host.Tenant.Get($"{Library}/hidden")).ShouldBe(404).Message.ShouldBe("model \"accounts/fireworks/models/hidden\" not found");
        (await host.Tenant.Get($"{Library}?pageSize=200")).Text.ShouldNotContain("hidden");
        (await host.Operator.Get($"{Library}?pageSize=200")).Text.ShouldContain("models/hidden\"");
        (await host.Operator.Patch($"{Library}/hidden?updateMask=public", """{"public": true}""")).ShouldBe(200);
        (await host.Tenant.Get($"{Library}/hidden")).ShouldBe(200);
    }

    [Fact]
    public async Task A_catalogue_entry_says_how_an_admin_fills_it()
    {
        var entry = (await host.Tenant.Get($"{Library}/llama-v3p1-8b-instruct")).ShouldBe(200).Json;

        ((string?)entry["state"]).ShouldBe("UPLOADING");
        ((string?)entry["status"]!["message"])!.ShouldContain("firectl upload model accounts/fireworks/models/llama-v3p1-8b-instruct PATH");
        ((string?)entry["baseModelDetails"]!["parameterCount"]).ShouldBe("8030261248");
        ((bool?)entry["public"]).ShouldBe(true);
        ((int?)entry["defaultDraftTokenCount"]).ShouldBe(3);
    }

    [Fact]
    public async Task The_library_lists_in_pages_by_filter_and_order()
    {
        const string Query = "?pageSize=2&orderBy=base_model_details.parameter_count%20desc"
            + "&filter=kind=HF_BASE_MODEL%20AND%20(state=UPLOADING%20AND%20base_model_details.parameter_count>3000000000)"
            + "%20AND%20baseModelDetails.moe=false&readMask=name";
        var (names, token, total) = (new List<string>(), "", 0);
        do
        {
            var page = (await host.Tenant.Get($"{Library}{Query}&pageToken={token}")).ShouldBe(200).Json;
            names.AddRange(page["models"]!.AsArray().Select(model => ((string?)model!["name"])!.Split('/')[^1]));
            page["models"]!.AsArray().ShouldAllBe(model => model!.AsObject().Count == 1);
            (token, total) = ((string?)page["nextPageToken"] ?? "", (int)page["totalSize"]!);
        }
        while (token.Length > 0);

        names.ShouldBe([
            "llama-v3p1-405b-instruct", "firefunction-v2", "llama-v3p1-70b-instruct", "llama-v3p3-70b-instruct", "llama-v3-8b-instruct",
            "llama-v3p1-8b-instruct", "qwen2p5-7b-instruct", "llama-v3p2-3b-instruct", "qwen2p5-3b-instruct",
        ]);
        total.ShouldBe(names.Count);
    }

    [Theory]
    [InlineData("?filter=nosuch=1", "unknown field 'nosuch'")]
    [InlineData("?filter=state=READY%20OR%20state=UPLOADING", "allowed are")]
    [InlineData("?pageSize=-1", "page_size")]
    [InlineData("?pageSize=x", "page_size")]
    [InlineData("?pageToken=abc", "page_token")]
    [InlineData("?orderBy=nosuch", "order_by")]
    [InlineData("?readMask=nosuch", "read_mask")]
    [InlineData("?showDeleted=true", "'showDeleted' is not known")]
    public async Task A_bad_list_query_is_refused_with_its_reason(string query, string reason) =>
        (await host.Tenant.Get(Acme + query)).ShouldBe(400).Message.ShouldContain(reason);

    [Fact]
    public async Task An_update_changes_the_masked_fields_alone()
    {
        await host.Tenant.Post(Acme, Body("masked", """ "displayName": "old", "description": "kept" """));

        var updated = (await host.Tenant.Patch($"{Acme}/masked?updateMask=display_name,supports_tools", """{"displayName": "new", "supportsTools": true, "description": "lost"}""")).ShouldBe(200).Json;

        ((string?)updated["displayName"], (string?)updated["description"], (bool?)updated["supportsTools"]).ShouldBe(("new", "kept", true));
    }

    [Fact]
    public async Task Only_the_librarys_models_can_be_public()
    {
        (await host.Tenant.Post(Acme, Body("shared", """ "public": true """))).ShouldBe(501).Message.ShouldContain("public can be true in the library's account alone");
        (await host.Tenant.Post(Acme, Body("shared", """ "public": false """))).ShouldBe(200);
        (await host.Tenant.Patch($"{Acme}/shared", """{"public": true}""")).ShouldBe(501).Message.ShouldContain("public");
        (await host.Operator.Post(Library, Body("given", """ "public": true """))).ShouldBe(200);
        (await host.Tenant.Get($"{Library}/given")).ShouldBe(200);
    }

    [Fact]
    public async Task A_draft_count_that_was_allowed_once_is_todays_longest_and_no_obstacle()
    {
        await host.Tenant.Post(Acme, Body("drafter"));
        await host.Tenant.Post(Acme, Body("older"));
        var rows = host.Services.GetRequiredService<ModelStore>().Rows;
        var row = (await rows.FindAsync(ModelName.Parse("accounts/acme/models/older"), TestContext.Current.CancellationToken))!;
        var written = row.Spec with { DefaultDraftModel = "accounts/acme/models/drafter", DefaultDraftTokenCount = 32 };
        (await rows.UpdateSpecAsync(row, written, TestContext.Current.CancellationToken)).Problem.ShouldBeNull();

        ((int?)(await host.Tenant.Get($"{Acme}/older")).ShouldBe(200).Json["defaultDraftTokenCount"]).ShouldBe(16);
        (await host.Tenant.Patch($"{Acme}/older", """{"displayName": "new"}""")).ShouldBe(200);
    }

    [Fact]
    public async Task Get_change_patch_sets_what_was_changed()
    {
        await host.Tenant.Post(Acme, Body("edited", """ "displayName": "old" """));
        var body = (await host.Tenant.Get($"{Acme}/edited")).Json;
        body["displayName"] = "new";

        var updated = (await host.Tenant.Patch($"{Acme}/edited", body.ToJsonString())).ShouldBe(200).Json;

        ((string?)updated["displayName"]).ShouldBe("new");
        ((string?)updated["kind"]).ShouldBe("HF_BASE_MODEL");
    }

    [Theory]
    [InlineData("", """{"kind": "HF_PEFT_ADDON"}""", "kind cannot be changed")]
    [InlineData("?updateMask=kind", """{"kind": "HF_PEFT_ADDON"}""", "kind cannot be changed")]
    [InlineData("?updateMask=base_model_details.moe", """{"baseModelDetails": {"moe": true}}""", "base_model_details.moe cannot be changed")]
    [InlineData("?updateMask=state", """{"state": "READY"}""", "state is set by the server")]
    [InlineData("?updateMask=nosuch", "{}", "unknown field 'nosuch'")]
    [InlineData("?updateMask=display_name", """{"displayName": 5}""", "displayName must be a string")]
    [InlineData("?updateMask=description", """{"descripton": "x"}""", "descripton is no field")]
    [InlineData("?updateMask=default_draft_model", """{"defaultDraftModel": "story-draft-400k"}""", "default_draft_token_count is required")]
    [InlineData("?updateMask=default_draft_model,default_draft_token_count", """{"defaultDraftModel": "fixed", "defaultDraftTokenCount": 4}""", "must be another model")]
    [InlineData("?mask=kind", "{}", "'mask' is not known")]
    public async Task A_bad_update_is_refused_with_its_reason(string query, string body, string reason)
    {
        await host.Tenant.Post(Acme, Body("fixed"));

        (await host.Tenant.Patch($"{Acme}/fixed{query}", body)).ShouldBe(400).Message.ShouldContain(reason);
    }

    [Fact]
    public async Task A_deleted_model_is_gone_with_its_files()
    {
        await host.Tenant.Post(Acme, Body("goner"));
        var folder = host.FolderOf("accounts/acme/models/goner");
        Directory.CreateDirectory(folder);
        await File.WriteAllTextAsync(Path.Combine(folder, "config.json"), "{}", TestContext.Current.CancellationToken);

        (await host.Tenant.Delete($"{Acme}/goner")).ShouldBe(200).Text.ShouldBe("{}");

        (await host.Tenant.Get($"{Acme}/goner")).ShouldBe(404);
        (await host.Tenant.Delete($"{Acme}/goner")).ShouldBe(404);
        Directory.Exists(folder).ShouldBeFalse();
    }

    [Fact]
    public async Task A_model_that_is_made_again_finds_nothing_of_a_killed_delete()
    {
        var folder = host.FolderOf("accounts/acme/models/again");
        Directory.CreateDirectory(folder);
        await File.WriteAllTextAsync(Path.Combine(folder, "config.json"), "{}", TestContext.Current.CancellationToken);

        (await host.Tenant.Post(Acme, Body("again"))).ShouldBe(200);

        Directory.Exists(folder).ShouldBeFalse();
    }

    [Fact]
    public async Task A_model_in_use_is_not_deleted()
    {
        await host.Tenant.Post(Acme, Body("used"));
        await host.Tenant.Post(Acme, Addon("user-of-used", "used"));
        host.Users["accounts/acme/models/used"] = "accounts/acme/deployments/d1";

        var refused = (await host.Tenant.Delete($"{Acme}/used")).ShouldBe(400);
        refused.Message.ShouldContain("accounts/acme/deployments/d1, accounts/acme/models/user-of-used");
        ((int?)refused.Json["code"]).ShouldBe(9);

        host.Users.Remove("accounts/acme/models/used");
        (await host.Tenant.Delete($"{Acme}/user-of-used")).ShouldBe(200);
        (await host.Tenant.Delete($"{Acme}/used")).ShouldBe(200);
    }

    [Fact]
    public async Task Where_a_model_is_deployed_is_told_when_it_is_asked_for_alone_and_to_its_deployer_alone()
    {
        const string drafter = $"{Library}/story-draft-400k";
        host.Users["accounts/fireworks/models/story-draft-400k"] = "accounts/acme/deployments/d1";
        (await host.Tenant.Get(drafter)).ShouldBe(200).Json["deployedModelRefs"]![0]!["deployment"]!.ToString().ShouldBe("accounts/acme/deployments/d1");
        (await host.Operator.Get(drafter)).ShouldBe(200).Json["deployedModelRefs"].ShouldBeNull();
        (await host.Tenant.Get(Library)).ShouldBe(200).Json["models"]!.AsArray().ShouldAllBe(model => model!["deployedModelRefs"] == null);
        host.Users.Remove("accounts/fireworks/models/story-draft-400k");
    }

    [Fact]
    public async Task A_built_in_model_is_not_deleted() =>
        (await host.Operator.Delete($"{Library}/story-draft-400k")).ShouldBe(400).Message.ShouldContain("built-in library");

    internal static string Body(string id, string? more = null) =>
        $$$"""{"modelId": "{{{id}}}", "model": {"kind": "HF_BASE_MODEL", "baseModelDetails": {} {{{(more is null ? "" : "," + more)}}} }}""";

    internal static string Addon(string id, string baseModel) =>
        new JsonObject
        {
            ["modelId"] = id,
            ["model"] = new JsonObject
            {
                ["kind"] = "HF_PEFT_ADDON",
                ["peftDetails"] = new JsonObject { ["baseModel"] = baseModel, ["r"] = 4, ["targetModules"] = new JsonArray("q_proj", "v_proj") },
            },
        }.ToJsonString();
}
