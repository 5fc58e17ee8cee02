using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Stoker.Api.Names;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Models;

namespace Stoker.ControlPlane.Tests.Models;

public sealed class ServerlessMarkTests : IAsyncLifetime
{
    private const string Model = "/v1/accounts/fireworks/models/story-3m", Serverless = """{"supportsServerless": true}""";

    private static readonly DateOnly Today = new(2030, 1, 1);
    private static readonly ModelName Story = ModelName.Parse("accounts/fireworks/models/story-3m");

    private readonly ModelsHost _host = new();

    public ValueTask InitializeAsync() => _host.InitializeAsync();

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task An_operator_puts_a_model_of_the_library_on_the_tier_and_everybody_sees_it()
    {
        ((bool?)(await _host.Tenant.Get(Model)).ShouldBe(200).Json["supportsServerless"]).ShouldBe(false);

        (await _host.Operator.Patch(Model, Serverless)).ShouldBe(200);

        ((bool?)(await _host.Tenant.Get(Model)).ShouldBe(200).Json["supportsServerless"]).ShouldBe(true);
        var listed = (await _host.Tenant.Get("/v1/accounts/fireworks/models?filter=supports_serverless%3Dtrue")).ShouldBe(200).Json["models"]!.AsArray();
        listed.Select(model => (string?)model!["name"]).ShouldBe([Story.ToString()]);
    }

    [Fact]
    public async Task A_tenant_cannot_and_custom_models_are_refused()
    {
        (await _host.Tenant.Patch(Model, Serverless)).ShouldBe(403);

        const string Custom = """{"modelId": "own", "model": {"kind": "HF_BASE_MODEL", "baseModelDetails": {}, "supportsServerless": true}}""";
        (await _host.Tenant.Post("/v1/accounts/acme/models", Custom)).ShouldBe(400).Message.ShouldContain("custom models are not available on serverless, create a deployment of your own");
        (await _host.Tenant.Post("/v1/accounts/acme/models", Custom.Replace(", \"supportsServerless\": true", ""))).ShouldBe(200);
        (await _host.Tenant.Patch("/v1/accounts/acme/models/own", Serverless)).ShouldBe(400).Message.ShouldContain("custom models are not available on serverless");
        (await _host.Tenant.Patch("/v1/accounts/acme/models/own", """{"supportsServerless": false, "displayName": "mine"}""")).ShouldBe(200);
    }

    [Fact]
    public async Task An_addon_and_a_model_without_weights_are_refused()
    {
        (await _host.Operator.Patch("/v1/accounts/fireworks/models/story-3m-lora-zog", Serverless)).ShouldBe(400).Message.ShouldContain("is for base models");
        (await _host.Operator.Patch("/v1/accounts/fireworks/models/llama-v3p1-8b-instruct", Serverless)).ShouldBe(400).Message.ShouldContain("needs the model's weights");
        await _host.Operator.Patch(Model, Serverless);
        (await _host.Operator.Patch(Model, """{"public": false}""")).ShouldBe(400).Message.ShouldContain("is for public models");
    }

    [Fact]
    public async Task A_deprecation_is_announced_two_weeks_ahead_with_an_alternative_that_is_there_and_can_be_called_off()
    {
        await _host.Operator.Patch(Model, Serverless);
        var day = DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime).AddDays(16);
        var (late, soon) = (Deprecation(day), Deprecation(day.AddDays(-4)));
        (await _host.Operator.Patch(Model, soon)).ShouldBe(400).Message.ShouldContain("at least 14 days ahead");
        (await _host.Operator.Patch(Model, """{"stokerAlternative": "story-3m-lora-zog"}""")).ShouldBe(400).Message.ShouldContain("needs deprecation_date");

        (await _host.Operator.Patch(Model, late)).ShouldBe(200);

        var shown = (await _host.Tenant.Get(Model)).ShouldBe(200).Json["deprecationDate"]!;
        ((int?)shown["year"], (int?)shown["month"], (int?)shown["day"]).ShouldBe((day.Year, day.Month, day.Day));
        (await _host.Operator.Patch(Model, soon)).ShouldBe(400); // no day is moved nearer than that either
        (await _host.Operator.Patch(Model, """{"stokerAlternative": "story-3m"}""")).ShouldBe(400).Message.ShouldContain("must be another model");
        (await _host.Operator.Patch(Model, """{"stokerAlternative": "none-such"}""")).ShouldBe(400).Message.ShouldContain("not found");
        (await _host.Operator.Patch(Model, """{"stokerAlternative": "llama-v3p1-8b-instruct"}""")).ShouldBe(400).Message.ShouldContain("must be on the serverless tier");
        (await _host.Operator.Patch(Model, """{"supportsServerless": false}""")).ShouldBe(400).Message.ShouldContain("ends by itself on");

        (await _host.Operator.Patch($"{Model}?updateMask=deprecation_date", "{}")).ShouldBe(200).Json["deprecationDate"].ShouldBeNull();
    }

    [Fact]
    public async Task Nobody_is_cut_off_without_notice_unless_the_operator_says_so_twice()
    {
        await _host.Operator.Patch(Model, Serverless);

        (await _host.Operator.Patch(Model, """{"supportsServerless": false}""")).ShouldBe(400).Message.ShouldContain("without notice");
        (await _host.Operator.Patch($"{Model}?ignoreChecks=perhaps", """{"supportsServerless": false}""")).ShouldBe(400);
        (await _host.Operator.Patch($"{Model}?ignoreChecks=true", """{"supportsServerless": false}""")).ShouldBe(200);
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(-1, true)]
    [InlineData(1, false)]
    public async Task The_end_comes_with_the_day_and_leaves_it_to_be_seen(int daysAfterToday, bool ends)
    {
        var (store, date) = (_host.Services.GetRequiredService<ModelStore>(), Today.AddDays(daysAfterToday));
        var row = (await store.Rows.FindAsync(Story, TestContext.Current.CancellationToken)).ShouldNotBeNull();
        await store.Rows.UpdateSpecAsync(row, row.Spec with { SupportsServerless = true, DeprecationDate = new(date.Year, date.Month, date.Day) }, TestContext.Current.CancellationToken);

        (await store.EndServerlessAsync(Story, Today, TestContext.Current.CancellationToken)).ShouldBeNull();

        var model = (await store.FindAsync(Story, TestContext.Current.CancellationToken)).ShouldNotBeNull();
        (model.SupportsServerless, model.DeprecationDate).ShouldBe((!ends, date));
    }

    [Theory]
    [InlineData(false, null, true, null, null)] // marked
    [InlineData(true, null, true, 14, null)] // deprecated
    [InlineData(true, null, true, 13, "deprecation_date")]
    [InlineData(true, 20, true, 5, "deprecation_date")] // nearer
    [InlineData(true, 5, true, 5, null)] // as it was
    [InlineData(true, 5, true, null, null)] // called off
    [InlineData(true, null, false, null, "supports_serverless")]
    [InlineData(true, 1, false, 1, "supports_serverless")]
    [InlineData(true, 0, false, 0, null)] // its day has come
    [InlineData(false, -3, false, -3, null)] // long gone
    [InlineData(false, -3, true, -3, "deprecation_date")]
    [InlineData(false, -3, true, null, null)] // back
    [InlineData(false, null, false, 20, "deprecation_date")] // was never there
    public void Changes_of_the_mark_and_its_day(bool was, int? oldDay, bool isMarked, int? newDay, string? refused)
    {
        var before = Spec(was, oldDay);
        ModelSpec.From(Spec(isMarked, newDay)).TryGet(out var after, out _).ShouldBeTrue();

        var problem = ServerlessMark.Check(Story, before, after!, isReady: true, Today, ignoreChecks: false);

        problem?.Violations.ShouldHaveSingleItem().Field.ShouldBe(refused);
        (problem is null).ShouldBe(refused is null, problem?.Message);
    }

    private static ModelResource Spec(bool isMarked, int? day) => new()
    {
        Kind = "HF_BASE_MODEL",
        BaseModelDetails = new(),
        Public = true,
        SupportsServerless = isMarked,
        DeprecationDate = day is { } days && Today.AddDays(days) is var date ? new(date.Year, date.Month, date.Day) : null,
    };

    private static string Deprecation(DateOnly day) =>
        new JsonObject { ["deprecationDate"] = new JsonObject { ["year"] = day.Year, ["month"] = day.Month, ["day"] = day.Day } }.ToJsonString();
}
