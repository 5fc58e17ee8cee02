using System.Web;
using Microsoft.Extensions.Options;
using Stoker.Api.Names;
using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Storage;
using Stoker.ControlPlane.Tests.Storage;
using Stoker.Testing;

namespace Stoker.ControlPlane.Tests.Models;

public sealed class TransferAddressTests : IDisposable
{
    private static readonly ModelName Name = ModelName.Parse("accounts/a/models/m");
    private readonly StoreFile _file = new();
    private readonly ManualTime _time = new(new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero));

    public void Dispose() => _file.Dispose();

    [Fact]
    public void An_address_works_until_its_time_is_over()
    {
        var (expires, signature) = Parts(New().Sign("PUT", Name, "config.json"));

        // of another object: the secret is in a file
        New().IsValid("PUT", Name, "config.json", expires, signature).ShouldBeTrue();
        _time.Advance(TimeSpan.FromHours(12) - TimeSpan.FromSeconds(1));
        New().IsValid("PUT", Name, "config.json", expires, signature).ShouldBeTrue();
        _time.Advance(TimeSpan.FromSeconds(1));
        New().IsValid("PUT", Name, "config.json", expires, signature).ShouldBeFalse();
    }

    [Fact]
    public void Nothing_of_an_address_can_be_changed()
    {
        var addresses = New();
        var (expires, signature) = Parts(addresses.Sign("PUT", Name, "config.json"));

        addresses.IsValid("GET", Name, "config.json", expires, signature).ShouldBeFalse();
        addresses.IsValid("PUT", ModelName.Parse("accounts/a/models/n"), "config.json", expires, signature).ShouldBeFalse();
        addresses.IsValid("PUT", Name, "tokenizer.json", expires, signature).ShouldBeFalse();
        addresses.IsValid("PUT", Name, "config.json", expires + "0", signature).ShouldBeFalse();
        addresses.IsValid("PUT", Name, "config.json", expires, signature[1..]).ShouldBeFalse();
        addresses.IsValid("PUT", Name, "config.json", expires, null).ShouldBeFalse();
        addresses.IsValid("PUT", Name, "config.json", null, signature).ShouldBeFalse();
        addresses.IsValid("PUT", Name, "config.json", "-1", signature).ShouldBeFalse();
    }

    [Fact]
    public void The_secret_is_for_its_owner_alone_and_a_broken_one_is_named()
    {
        New().Sign("PUT", Name, "config.json");
        var path = Path.Combine(_file.Data.Root, "transfer.key");
        if (!OperatingSystem.IsWindows()) File.GetUnixFileMode(path).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);

        File.WriteAllText(path, "short");

        Should.Throw<StorageException>(() => New().Sign("PUT", Name, "config.json")).Message.ShouldContain(path);
    }

    private TransferAddress New() => new(_file.Data, Options.Create(new ModelOptions()), _time);

    private static (string Expires, string Signature) Parts(string address)
    {
        var query = HttpUtility.ParseQueryString(address[address.IndexOf('?', StringComparison.Ordinal)..]);
        return (query["expires"]!, query["signature"]!);
    }
}
