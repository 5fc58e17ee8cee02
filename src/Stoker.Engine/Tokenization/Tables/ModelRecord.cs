using System.Runtime.InteropServices;

namespace Stoker.Engine.Tokenization.Tables;

/// <summary>Options of the BPE model that are set or not.</summary>
[Flags]
internal enum ModelOptions
{
    None = 0,

    /// <summary>The model sees bytes, not characters.</summary>
    Bytes = 1,

    /// <summary>Neighbouring unknown symbols are one unknown token.</summary>
    FuseUnknown = 2,

    /// <summary>A piece that is a token as a whole is not merged.</summary>
    IgnoreMerges = 4,
    All = Bytes | FuseUnknown | IgnoreMerges,
}

/// <summary>The single figures of the tables.</summary>
/// <param name="HashKey">
/// Key of all hash slots. It is derived from the vocabulary, so one file always gives the same tables, and nobody can
/// make a vocabulary whose tokens all collide.
/// </param>
/// <param name="Size">Highest id + 1.</param>
/// <param name="UnknownId">The unknown token, or -1.</param>
/// <param name="Options">Of the model.</param>
/// <param name="Reserved">0.</param>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct ModelRecord(ulong HashKey, int Size, int UnknownId, ModelOptions Options, int Reserved = 0)
{
    public const int SizeBytes = 24;
}
