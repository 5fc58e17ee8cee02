using Stoker.Engine.Tokenization;

namespace Stoker.Engine.Scheduling;

/// <summary>The model's own tokenizer, as the loop sees it.</summary>
internal sealed class TokenizerText(Tokenizer tokenizer) : ITextDecoder
{
    public int VocabularySize => tokenizer.VocabularySize;

    public ReadOnlyMemory<byte> TokenBytes(int id) => tokenizer.TokenBytes(id);

    public ITextStream NewStream(bool skipSpecialTokens) => new Stream(tokenizer.NewStream(skipSpecialTokens));

    private sealed class Stream(TokenTextStream stream) : ITextStream
    {
        public string Append(int id) => stream.Append(id);

        public string Flush() => stream.Flush();
    }
}
