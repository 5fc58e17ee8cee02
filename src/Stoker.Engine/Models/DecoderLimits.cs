namespace Stoker.Engine.Models;

/// <summary>
/// Upper bounds of what a config may say: several times the largest public models, and small enough that no product of
/// two overflows.
/// </summary>
internal static class DecoderLimits
{
    public const int MaxHidden = 1 << 17;
    public const int MaxIntermediate = 1 << 20;
    public const int MaxVocabulary = 1 << 22;
    public const int MaxLayers = 1024;
    public const int MaxHeads = 1024;
    public const int MaxHeadDim = 1024;
    public const int MaxExperts = 1024;
    public const int MaxPositions = 1 << 26;
}
