namespace Stoker.Engine.Scheduling;

/// <summary>
/// What the loop needs of a tokenizer. A seam: the tokenizer itself, and one of a few letters that tests can make fail.
/// </summary>
internal interface ITextDecoder
{
    /// <summary>Ids from here on are padding of the output matrix: never drawn, never reported.</summary>
    int VocabularySize { get; }

    ReadOnlyMemory<byte> TokenBytes(int id);

    ITextStream NewStream(bool skipSpecialTokens);
}

/// <summary>Turns the tokens of one text into text, piece by piece; never half a code point.</summary>
internal interface ITextStream
{
    string Append(int id);

    string Flush();
}
