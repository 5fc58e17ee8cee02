using Stoker.Api.Problems;

namespace Stoker.ControlPlane.Models;

/// <summary>
/// Writes a model's weights in the layout of the engine's kernels beside its files, so that replicas map them instead of
/// packing them at every start. The control plane knows no engine: the server implements this with the one it has.
/// </summary>
public interface IModelPacker
{
    /// <summary>Whether replicas would take what is there; costs some milliseconds.</summary>
    bool IsPacked(string folder);

    /// <summary>
    /// Packs in the background of everything else, seconds for each gigabyte; cancelled, nothing is left half-done.
    /// </summary>
    /// <returns>The bytes of the packed model, or why there is none: replicas then open the files as they are.</returns>
    Task<Result<long>> PackAsync(string folder, CancellationToken cancellation);

    /// <summary>Packs in another precision than the files', with the same rules; what is there and good stays.</summary>
    /// <param name="told">The share done, in percent and rising; waited for.</param>
    /// <returns>The bytes of that packed model, or why there is none and what to do.</returns>
    Task<Result<long>> PrepareAsync(string folder, Precision precision, Func<int, Task> told, CancellationToken cancellation);

    /// <summary>
    /// Writes a variant in safetensors for other engines, in one of <see cref="Precisions.WithVariant"/>, of a model that is packed in that precision. What
    /// is there and good stays; one of other files gives way.
    /// </summary>
    /// <param name="target">A folder beside the model's files; it appears when all of it is there.</param>
    /// <param name="told">As of packing.</param>
    /// <returns>The bytes of its files, or why there is none and what to do.</returns>
    Task<Result<long>> WriteVariantAsync(string folder, Precision precision, string target, Func<int, Task> told, CancellationToken cancellation);
}
