using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using Stoker.Api.Names;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Models;

/// <summary>
/// Addresses for one file that work for a while without a key: clients send files to them without their credentials, as
/// to any object store. What is signed is the method, the model, the file and the end.
/// </summary>
internal sealed class TransferAddress(DataDirectory data, IOptions<ModelOptions> options, TimeProvider time)
{
    private const int SecretBytes = 32;

    private readonly Lazy<byte[]> _secret = new(() => Secret(Path.Combine(data.Root, "transfer.key")));

    /// <summary>Path and query of the address, behind the server's own.</summary>
    public string Sign(string method, ModelName model, string file)
    {
        var expires = (time.GetUtcNow() + options.Value.AddressLifetime).ToUnixTimeSeconds();
        return string.Create(
            CultureInfo.InvariantCulture,
            $"/v1/{model}/files/{file}?expires={expires}&signature={Signature(method, model, file, expires)}");
    }

    public bool IsValid(string method, ModelName model, string file, string? expires, string? signature)
    {
        if (!long.TryParse(expires, NumberStyles.None, CultureInfo.InvariantCulture, out var end) || signature is null)
        {
            return false;
        }

        var right = CryptographicOperations.FixedTimeEquals(
            Encoding.UTF8.GetBytes(Signature(method, model, file, end)), Encoding.UTF8.GetBytes(signature));
        return right && time.GetUtcNow().ToUnixTimeSeconds() < end;
    }

    private string Signature(string method, ModelName model, string file, long expires) => Base64Url.EncodeToString(HMACSHA256.HashData(
        _secret.Value, Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{method}\n{model}\n{file}\n{expires}"))));

    /// <summary>
    /// Kept in a file of mode 0600, so that addresses outlive a restart. Whoever creates it first wins; the others read
    /// it.
    /// </summary>
    private static byte[] Secret(string path)
    {
        if (!File.Exists(path))
        {
            var temporary = $"{path}.{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8))}";
            var create = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows()) create.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            using (var stream = new FileStream(temporary, create))
            {
                stream.Write(RandomNumberGenerator.GetBytes(SecretBytes));
                stream.Flush(flushToDisk: true);
            }

            try
            {
                File.Move(temporary, path, overwrite: false);
            }
            catch (IOException) when (File.Exists(path))
            {
                File.Delete(temporary);
            }
        }

        var secret = File.ReadAllBytes(path);
        return secret.Length == SecretBytes
            ? secret
            : throw new StorageException(StorageFault.Unusable, $"{path} is not {SecretBytes} bytes long: remove it, a new one is made");
    }
}
