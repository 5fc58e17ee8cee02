namespace Stoker.Engine.Tokenization.Splitting;

/// <summary>
/// What becomes of the matches of a split. On "a-b" by "-": Removed a b; Isolated a - b; MergedWithPrevious a- b;
/// MergedWithNext a -b; Contiguous joins neighbours of one kind.
/// </summary>
internal enum SplitBehavior
{
    Removed,
    Isolated,
    MergedWithPrevious,
    MergedWithNext,
    Contiguous,
}
