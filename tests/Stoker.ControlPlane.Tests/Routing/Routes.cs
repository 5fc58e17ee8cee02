using Stoker.Api.Names;
using Stoker.ControlPlane.Routing;

namespace Stoker.ControlPlane.Tests.Routing;

/// <summary>Routes for tests.</summary>
internal static class Routes
{
    public static readonly DateTimeOffset Noon = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);

    public static Route To(string deployment, string model, params IReadOnlyList<ReplicaTarget> ready) => new(
        DeploymentName.Parse(deployment),
        ModelName.Parse(model),
        ServedName: model,
        Noon,
        Waiting.Starting,
        Detail: null,
        new ModelCard("HF_BASE_MODEL", 512, SupportsChat: true, SupportsTools: false, SupportsImageInput: false),
        ready);

    public static ReplicaTarget Replica(string id, int maxSequences = int.MaxValue) => new(id, new Uri("http://127.0.0.1:1"), null, maxSequences);
}
