using Stoker.ControlPlane.Storage;
using Stoker.ControlPlane.Tests.Storage;

namespace Stoker.ControlPlane.Tests.Metering;

public sealed class MemoryLedgerStoreTests : LedgerStoreContract
{
    private readonly MemoryLedgerStore _store = new();

    public override ILedgerStore Open() => _store;
}
