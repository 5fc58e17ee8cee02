using System.Diagnostics.Metrics;
using System.Net;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Stoker.Api.Names;
using Stoker.ControlPlane.Addons;
using Stoker.ControlPlane.Autoscaling;
using Stoker.ControlPlane.Gateway;
using Stoker.ControlPlane.Routing;
using Stoker.ControlPlane.Tests.Routing;
using static Stoker.ControlPlane.Tests.Gateway.Inference;

namespace Stoker.ControlPlane.Tests.Gateway;

/// <summary>Requests for an addon.</summary>
public sealed class AddonForwardingTests : GatewayTest
{
    private const string Zog = "accounts/default/models/zog", Served = Zog + "@digest";
    private const string Answer = $$$"""{"model":"{{{Served}}}","choices":[{"text":"y"}],"usage":{"prompt_tokens":3,"completion_tokens":5}}""";

    private const string Refusal = $$$"""{"error":{"message":"The model '{{{Served}}}' does not exist here","type":"NotFoundError","param":"model","code":"model_not_found"}}""";

    [Theory]
    [InlineData("default/zog")]
    [InlineData(Zog + "#" + Deployment)]
    [InlineData("accounts/default/deployedModels/zog-d")]
    public async Task A_replica_that_has_it_sees_the_name_that_it_was_loaded_under_and_the_client_its_own(string asked)
    {
        await using var replica = await FakeReplica.StartAsync(FakeReplica.Answering(Answer));
        await using var other = await FakeReplica.StartAsync(FakeReplica.Answering(Answer));
        Publish(Routes.To(Deployment, Model, other.Target, replica.Target).With(Zog, on: replica.Target.ReplicaId));

        for (var request = 0; request < 3; request++)
        {
            using var answer = await Client.CompleteAsync($$"""{"model":"{{asked}}","prompt":"x"}""");
            answer.StatusCode.ShouldBe(HttpStatusCode.OK);
            (await answer.TextAsync()).ShouldBe(Answer.Replace(Served, asked, StringComparison.Ordinal));
        }

        (await replica.Received).Body.ShouldBe($$"""{"model":"{{Served}}","prompt":"x"}""");
        (replica.Requests, other.Requests).ShouldBe((3, 0));
    }

    [Fact]
    public async Task A_stream_has_the_clients_name_too()
    {
        await using var replica = await FakeReplica.StartAsync(FakeReplica.Streaming($$"""data: {"model":"{{Served}}","choices":[{"text":"y"}]}""" + "\n\n", "data: [DONE]\n\n"));
        Publish(Routes.To(Deployment, Model, replica.Target).With(Zog, on: replica.Target.ReplicaId));
        using var answer = await Client.StreamAsync($$"""{"model":"{{Zog}}","prompt":"x","stream":true}""");
        (await answer.TextAsync()).ShouldContain($$"""{"model":"{{Zog}}",""");
    }

    [Fact]
    public async Task One_that_could_not_be_loaded_is_a_failed_precondition_with_the_reason()
    {
        await using var replica = await FakeReplica.StartAsync(FakeReplica.Answering(Answer));
        Publish(Routes.To(Deployment, Model, replica.Target).With(Zog, failure: "adapter_model.safetensors is cut off"));
        using var answer = await Client.CompleteAsync($$"""{"model":"{{Zog}}","prompt":"x"}""");
        var error = await answer.ErrorAsync(412);
        error.GetProperty("code").GetString().ShouldBe("PRECONDITION_FAILED");
        error.GetProperty("message").GetString()!.ShouldContain("adapter_model.safetensors is cut off");
        replica.Requests.ShouldBe(0);
    }

    [Fact]
    public async Task One_that_is_undeployed_in_the_same_moment_is_not_found_and_the_replicas_name_stays_inside()
    {
        await using var replica = await FakeReplica.StartAsync(FakeReplica.Answering(Refusal, status: 404));
        var route = Routes.To(Deployment, Model, replica.Target);
        Publish(route.With(Zog, on: replica.Target.ReplicaId));
        var waiting = Client.CompleteAsync($$"""{"model":"{{Zog}}","prompt":"x"}""");
        while (route.Queue.Count == 0) await Task.Yield(); // it may be loaded again

        Publish(route); // it is not
        using var answer = await waiting;
        (await answer.ErrorAsync(404)).GetProperty("message").GetString()!.ShouldNotContain("@");
    }

    [Fact]
    public async Task A_replica_that_lost_it_is_told_of_and_another_one_answers()
    {
        await using var forgetful = await FakeReplica.StartAsync(FakeReplica.Answering(Refusal, status: 404));
        await using var faithful = await FakeReplica.StartAsync(FakeReplica.Answering(Answer));
        var firstBytes = 0;
        using var meters = new MeterListener();
        var own = Host.App.Services.GetRequiredService<GatewayMetrics>().Meter;
        meters.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter == own && instrument.Name == "stoker.gateway.time_to_first_byte") listener.EnableMeasurementEvents(instrument);
        };
        meters.SetMeasurementEventCallback<double>((_, _, _, _) => Interlocked.Increment(ref firstBytes));
        meters.Start();
        Publish(Routes.To(Deployment, Model, forgetful.Target, faithful.Target).With(Zog, on: [forgetful.Target.ReplicaId, faithful.Target.ReplicaId]));
        for (var request = 0; request < 4; request++)
        {
            using var answer = await Client.CompleteAsync($$"""{"model":"{{Zog}}","prompt":"x"}""");
            answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        }

        forgetful.Requests.ShouldBeGreaterThan(0);
        firstBytes.ShouldBe(4); // of answers, and not of what a replica lacks
        Demand.TakeLosses(DeploymentName.Parse(Deployment)).ShouldBe([new AddonLoss(forgetful.Target.ReplicaId, Served)]);
    }

    [Fact]
    public async Task The_only_replica_answers_when_it_has_it_again_and_the_wait_is_known_meanwhile()
    {
        var lost = true;
        var (yes, no) = (FakeReplica.Answering(Answer), FakeReplica.Answering(Refusal, status: 404));
        await using var replica = await FakeReplica.StartAsync(context => Volatile.Read(ref lost) ? no(context) : yes(context));
        var route = Routes.To(Deployment, Model, replica.Target);
        Publish(route.With(Zog, on: replica.Target.ReplicaId));
        var waiting = Client.CompleteAsync($$"""{"model":"{{Zog}}","prompt":"x"}""");
        while (route.Queue.Count == 0 || Demand.WaitedFor(route.Name).Count == 0) await Task.Yield(); // the second comes a moment later
        Demand.WaitedFor(route.Name).ShouldBe([ModelName.Parse(Zog)]);
        replica.Requests.ShouldBe(1); // it is not asked again and again

        Publish(route.With(Zog));
        Volatile.Write(ref lost, false);
        Publish(route.With(Zog, on: replica.Target.ReplicaId));
        using var answer = await waiting;
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        Demand.WaitedFor(route.Name).ShouldBeEmpty();
    }

    [Fact]
    public async Task One_that_replicas_lose_again_and_again_ends_in_an_error()
    {
        await using var replica = await FakeReplica.StartAsync(FakeReplica.Answering(Refusal, status: 404));
        var route = Routes.To(Deployment, Model, replica.Target);
        Publish(route.With(Zog, on: replica.Target.ReplicaId));
        var waiting = Client.CompleteAsync($$"""{"model":"{{Zog}}","prompt":"x"}""");
        while (!waiting.IsCompleted)
        {
            if (route.Queue.Count > 0) Publish(route.With(Zog, on: replica.Target.ReplicaId)); // loaded again, it is said
            await Task.Yield();
        }

        using var answer = await waiting;
        (await answer.ErrorAsync(503)).GetProperty("code").GetString().ShouldBe("ADDON_LOST");
        (replica.Requests, replica.Target.InFlight).ShouldBe((6, 0));
        Host.App.Services.GetRequiredService<LoadBoard>().Of(route.Name).Running.ShouldBe(0);
    }

    [Fact]
    public async Task A_request_waits_while_it_is_being_loaded_and_the_base_model_answers_meanwhile()
    {
        await using var replica = await FakeReplica.StartAsync(FakeReplica.Answering(Answer));
        var route = Routes.To(Deployment, Model, replica.Target);
        Publish(route.With(Zog));
        var waiting = Client.CompleteAsync($$"""{"model":"{{Zog}}","prompt":"x"}""");
        while (route.Queue.Count == 0) await Task.Yield();

        using var meanwhile = await Client.CompleteAsync();
        meanwhile.StatusCode.ShouldBe(HttpStatusCode.OK);
        waiting.IsCompleted.ShouldBeFalse();

        Publish(route.With(Zog, on: replica.Target.ReplicaId));
        using var answer = await waiting;
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task The_list_of_models_has_those_that_can_be_called()
    {
        await using var replica = await FakeReplica.StartAsync(FakeReplica.Answering(Answer));
        Publish(Routes.To(Deployment, Model, replica.Target).With(Zog, on: replica.Target.ReplicaId).With("accounts/default/models/bad", failure: "cut off"));
        using var list = JsonDocument.Parse(await Client.GetStringAsync("/inference/v1/models", TestContext.Current.CancellationToken));
        var models = list.RootElement.GetProperty("data").EnumerateArray().Select(model => (model.GetProperty("id").GetString(), model.GetProperty("kind").GetString()));
        models.ShouldBe([(Model, "HF_BASE_MODEL"), ($"{Model}#{Deployment}", "HF_BASE_MODEL"), (Zog, "HF_PEFT_ADDON"), ($"{Zog}#{Deployment}", "HF_PEFT_ADDON")]);
    }

    private AddonDemand Demand => Host.App.Services.GetRequiredService<AddonDemand>();

    private void Publish(Route route) => Host.Routing.Publish(new RoutingTable([route], Routes.Deployed(route)));
}
