namespace Stoker.Engine.Tokenization.Unicode;

/// <summary>The normalisation forms. The values are the bits of the quick-check table.</summary>
internal enum UnicodeForm
{
    Nfd = 1,
    Nfkd = 2,
    Nfc = 4,
    Nfkc = 8,
}
