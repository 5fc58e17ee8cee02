using Stoker.ControlPlane.Storage;
using Stoker.ControlPlane.Tests.Metering;

namespace Stoker.ControlPlane.Tests.Storage;

/// <summary>The store that other tests stand on is held to the same rules.</summary>
public sealed class MemoryRequestStoreTests : RequestStoreContract
{
    private readonly MemoryRequestStore _store = new();

    public override IRequestStore Open() => _store;
}
