// Wire contract: android.hardware.graphics.common V5 (AOSP hardware/interfaces/graphics/common/aidl). Comments are
// this project's.
package android.hardware.graphics.common;

/** A value of an enum that a vendor may add to: the enum's full AIDL name says which one the number belongs to. */
@VintfStability
parcelable ExtendableType {
    /** Full name of the AIDL type, such as android.hardware.graphics.common.Compression. */
    @utf8InCpp String name;
    /** A value of that type. */
    long value = 0;
}
