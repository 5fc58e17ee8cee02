using System.Text;
using Microsoft.Extensions.Options;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Accounts;

/// <summary>Makes the first account, its admin and the admin's key, once in the life of a data directory.</summary>
/// <remarks>
/// Safe to be killed at any line: the account's row is written last, and its presence alone says that all is done.
/// Until then every step finds what an earlier try left and goes on with it: the same key file, the same user, the same
/// key. Afterwards nothing is made again, so that an admin key which was revoked stays so, unless a new one is
/// asked for.
/// </remarks>
internal sealed class FirstStart(AccountStore store, DataDirectory data, IOptions<AccountOptions> options)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private static readonly ResourceId Admin = ResourceId.Parse("admin");

    public async Task RunAsync(CancellationToken cancellation)
    {
        var accounts = (await store.Accounts.ListAsync(null, cancellation)).Items;
        if (accounts.Count > 0)
        {
            if (options.Value.NewAdminKey) await RenewAsync(accounts.First(row => row.Spec.Operator).Name, cancellation);
            return;
        }

        var account = new AccountName(ResourceId.Parse(options.Value.FirstAccount));
        if (account == AccountName.Library)
        {
            throw new InvalidDataException($"{AccountOptions.Section}:FirstAccount cannot be the library's account: choose another");
        }

        var key = ReadOrCreateKeyFile(data.AdminKey);
        await CreateAdminAsync(account.User(Admin), key, cancellation);
        var spec = new AccountSpec(null, null, Operator: true);
        ThrowUnlessThere((await store.Accounts.CreateAsync(account, spec, NoStatus.Instance, cancellation)).Problem);
    }

    /// <summary>Whoever can write the data directory owns what is in it, and may let himself in.</summary>
    private Task RenewAsync(AccountName account, CancellationToken cancellation)
    {
        if (File.Exists(data.AdminKey)) _ = ReadKeyFile(data.AdminKey); // not ours: somebody's file is not overwritten
        File.Delete(data.AdminKey);
        return CreateAdminAsync(account.User(Admin), ReadOrCreateKeyFile(data.AdminKey), cancellation);
    }

    private async Task CreateAdminAsync(UserName admin, string key, CancellationToken cancellation)
    {
        var (name, hash) = (new ApiKeyName(admin, Admin), KeyHash.Of(key).ToStored());
        // The key file of an earlier try may be gone and a new one made: the row of the lost key goes with it.
        if (await store.Keys.FindAsync(name, cancellation) is { } older && older.Spec.Hash != hash)
        {
            ThrowUnlessThere((await store.Keys.DeleteAsync(older, cancellation)).Problem);
        }

        var user = new UserSpec("Administrator", null, Role.Admin.WireName(), ServiceAccount: false);
        ThrowUnlessThere((await store.Users.CreateAsync(admin, user, NoStatus.Instance, cancellation)).Problem);
        // Made less of meanwhile: a key of it would let nobody in.
        if (await store.Users.FindAsync(admin, cancellation) is { } found && found.Spec.Role != user.Role)
        {
            ThrowUnlessThere((await store.Users.UpdateSpecAsync(found, found.Spec with { Role = user.Role }, cancellation)).Problem);
        }

        var spec = new ApiKeySpec("first admin key", hash, ApiKey.Shown(key), null, null);
        ThrowUnlessThere((await store.Keys.CreateAsync(name, spec, NoStatus.Instance, cancellation)).Problem);
    }

    /// <summary>The key in the file, or a new one in a new file.</summary>
    /// <exception cref="InvalidDataException">There is a file, and it holds no key: it is somebody's, so it is not
    /// overwritten.</exception>
    private static string ReadOrCreateKeyFile(string path)
    {
        if (File.Exists(path)) return ReadKeyFile(path);

        // The mode is there before the first byte; the name only when all bytes are on the disk.
        var key = ApiKey.Create();
        // of two first starts at once neither touches the other's
        var temporary = $"{path}.{Environment.ProcessId}.new";
        File.Delete(temporary);
        var file = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) file.UnixCreateMode = OwnerOnly;
        using (var stream = new FileStream(temporary, file))
        {
            stream.Write(Encoding.ASCII.GetBytes(key + "\n"));
            stream.Flush(flushToDisk: true);
        }

        try
        {
            File.Move(temporary, path, overwrite: false);
            return key;
        }
        catch (IOException) when (File.Exists(path))
        {
            File.Delete(temporary); // the other one was faster: its key is the key
            return ReadKeyFile(path);
        }
    }

    private static string ReadKeyFile(string path)
    {
        var found = File.ReadAllText(path).Trim();
        if (!ApiKey.HasForm(found))
        {
            throw new InvalidDataException($"{path} holds no API key: move it away, then start again");
        }

        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(path, OwnerOnly);
        return found;
    }

    private static void ThrowUnlessThere(Problem? problem)
    {
        if (problem is not null && problem.Code != Code.AlreadyExists)
        {
            throw new InvalidOperationException($"The first account could not be made: {problem.Message}");
        }
    }
}
