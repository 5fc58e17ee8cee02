using Stoker.Api.Names;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Accounts;

/// <summary>The typed view of the store for accounts, users and keys. Only their commands write through it.</summary>
/// <remarks>
/// Keys are rows like the others, not a table of their own: their hashes are looked up in the <see cref="KeyRing"/>,
/// which the store's watch keeps, so that a revocation reaches every process by the same path as any other change.
/// </remarks>
internal sealed class AccountStore(IResourceStore store) : IDisposable
{
    private readonly SemaphoreSlim _writing = new(1, 1);

    public TypedStore<AccountName, AccountSpec, NoStatus> Accounts { get; } =
        new(store, AccountName.Collection, AccountJson.Default.AccountSpec, AccountJson.Default.NoStatus);

    public TypedStore<UserName, UserSpec, NoStatus> Users { get; } =
        new(store, UserName.Collection, AccountJson.Default.UserSpec, AccountJson.Default.NoStatus);

    public TypedStore<ApiKeyName, ApiKeySpec, NoStatus> Keys { get; } =
        new(store, ApiKeyName.Collection, AccountJson.Default.ApiKeySpec, AccountJson.Default.NoStatus);

    /// <summary>
    /// Lets one command at a time look and then write: counts and "the last admin" must still hold when the row is
    /// written. Dispose to end.
    /// </summary>
    public async Task<IDisposable> WriteAsync(CancellationToken cancellation)
    {
        await _writing.WaitAsync(cancellation);
        return new Turn(_writing);
    }

    public void Dispose() => _writing.Dispose();

    private sealed class Turn(SemaphoreSlim writing) : IDisposable
    {
        private SemaphoreSlim? _writing = writing;

        public void Dispose() => Interlocked.Exchange(ref _writing, null)?.Release();
    }
}
