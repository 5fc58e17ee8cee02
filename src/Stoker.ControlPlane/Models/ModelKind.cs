namespace Stoker.ControlPlane.Models;

/// <summary>What a model is. The names on the wire are these in upper snake case.</summary>
public enum ModelKind
{
    KindUnspecified,
    HfBaseModel,
    HfPeftAddon,
    HfTeftAddon,
    FluminaBaseModel,
    FluminaAddon,
    DraftAddon,
    FireAgent,
    LiveMerge,
    CustomModel,
    EmbeddingModel,
    SnapshotModel,
}

/// <summary>UPLOADING until its files were inspected and found good.</summary>
public enum ModelState
{
    StateUnspecified,
    Uploading,
    Ready,
}
