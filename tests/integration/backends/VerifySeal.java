// Reads an electronic seal (GB/T 38540-2020, version 4) with BouncyCastle alone and checks its maker's signature.
//
//   java -cp /usr/share/java/bcprov.jar VerifySeal.java SEAL.der
//
// Prints what it read, a line each: version, id, name, certificates (how many), picture (its length), signature (good or
// bad). Exit code 1: the signature is bad; 2: not a seal.
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.bouncycastle.asn1.ASN1BitString;
import org.bouncycastle.asn1.ASN1IA5String;
import org.bouncycastle.asn1.ASN1Integer;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.ASN1OctetString;
import org.bouncycastle.asn1.ASN1Primitive;
import org.bouncycastle.asn1.ASN1Sequence;
import org.bouncycastle.asn1.ASN1UTF8String;
import org.bouncycastle.asn1.x509.Certificate;
import org.bouncycastle.crypto.params.AsymmetricKeyParameter;
import org.bouncycastle.crypto.params.ParametersWithID;
import org.bouncycastle.crypto.signers.SM2Signer;
import org.bouncycastle.crypto.util.PublicKeyFactory;

public class VerifySeal {
    static final String SM2_WITH_SM3 = "1.2.156.10197.1.501";
    static final byte[] IDENTITY = "1234567812345678".getBytes(StandardCharsets.US_ASCII);

    static ASN1Sequence sequence(ASN1Sequence outer, int index) {
        return ASN1Sequence.getInstance(outer.getObjectAt(index));
    }

    public static void main(String[] arguments) throws Exception {
        boolean good;
        try {
            ASN1Sequence seal = ASN1Sequence.getInstance(
                ASN1Primitive.fromByteArray(Files.readAllBytes(Path.of(arguments[0]))));
            ASN1Sequence info = sequence(seal, 0);
            ASN1Sequence header = sequence(info, 0);
            ASN1Sequence property = sequence(info, 2);
            ASN1Sequence picture = sequence(info, 3);
            if (!ASN1IA5String.getInstance(header.getObjectAt(0)).getString().equals("ES")) {
                throw new IllegalArgumentException("the header's id isn't ES");
            }
            if (!ASN1ObjectIdentifier.getInstance(seal.getObjectAt(2)).getId().equals(SM2_WITH_SM3)) {
                throw new IllegalArgumentException("another signature algorithm");
            }
            System.out.println("version " + ASN1Integer.getInstance(header.getObjectAt(1)).getValue());
            System.out.println("id " + ASN1IA5String.getInstance(info.getObjectAt(1)).getString());
            System.out.println("name " + ASN1UTF8String.getInstance(property.getObjectAt(1)).getString());
            System.out.println("certificates " + sequence(property, 3).size());
            System.out.println("picture " + ASN1OctetString.getInstance(picture.getObjectAt(1)).getOctets().length);

            Certificate maker = Certificate.getInstance(ASN1OctetString.getInstance(seal.getObjectAt(1)).getOctets());
            AsymmetricKeyParameter key = PublicKeyFactory.createKey(maker.getSubjectPublicKeyInfo());
            SM2Signer verifier = new SM2Signer();
            verifier.init(false, new ParametersWithID(key, IDENTITY));
            byte[] signed = info.getEncoded("DER");
            verifier.update(signed, 0, signed.length);
            good = verifier.verifySignature(ASN1BitString.getInstance(seal.getObjectAt(3)).getOctets());
        } catch (RuntimeException | java.io.IOException refused) {
            System.out.println("not a seal: " + refused.getMessage());
            System.exit(2);
            return;
        }
        System.out.println("signature " + (good ? "good" : "bad"));
        System.exit(good ? 0 : 1);
    }
}
