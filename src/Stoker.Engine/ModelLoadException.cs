namespace Stoker.Engine;

/// <summary>
/// A model folder cannot be used. The message names the file, what in it is wrong, and what would be right.
/// </summary>
/// <remarks>
/// Thrown only while a model is opened or inspected; hostile and cut files end here, never in a crash.
/// </remarks>
public sealed class ModelLoadException : Exception
{
    /// <param name="file">The file's name inside the model folder, such as <c>model.safetensors</c>.</param>
    /// <param name="item">The tensor or key inside the file, or null when the file as a whole is meant.</param>
    /// <param name="reason">What was seen and what is allowed, one sentence without a final full stop.</param>
    public ModelLoadException(string file, string? item, string reason, Exception? inner = null)
        : base(item is null ? $"{file}: {reason}" : $"{file}: {item}: {reason}", inner) =>
        (File, Item, Reason) = (file, item, reason);

    public string File { get; }

    public string? Item { get; }

    public string Reason { get; }
}
